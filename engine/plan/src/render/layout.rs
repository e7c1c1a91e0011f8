//! Places for the boxes of a DAG: layers by longest path, order by barycentres, long edges bent around
//! boxes. Whole numbers only, so that the picture is the same on every machine.

/// A box to be placed.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// In pixels.
    pub width: i64,
    /// In pixels.
    pub height: i64,
}

/// A point of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// From the left.
    pub x: i64,
    /// From the top.
    pub y: i64,
}

/// A drawn DAG.
#[derive(Debug)]
pub struct Layout {
    /// Upper left corner of each box.
    pub corners: Vec<Point>,
    /// The way of each edge, from box to box; runs of two points are straight.
    pub routes: Vec<Vec<Point>>,
    /// The whole.
    pub size: Size,
}

const COLUMN_GAP: i64 = 36;
const LAYER_GAP: i64 = 54;
const BEND: i64 = 14;
/// Beyond this many bends long edges are drawn straight: nobody can follow them anyway.
const MOST_BENDS: usize = 4_000;
const SWEEPS: usize = 8;
const SHIFTS: usize = 16;

/// Places boxes so that every edge runs downwards. `edges` are pairs of places in `boxes`, each from
/// an earlier to a later one.
pub fn layout(boxes: &[Size], edges: &[(usize, usize)]) -> Layout {
    let mut net = Net::of(boxes, edges);
    net.order();
    net.place();
    net.draw(boxes, edges)
}

/// Boxes and bends in layers.
struct Net {
    /// Width of each node; the boxes come first, then the bends.
    widths: Vec<i64>,
    layer_of: Vec<usize>,
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
    layers: Vec<Vec<usize>>,
    centre: Vec<i64>,
    /// The bends of each edge, from top to bottom.
    bends: Vec<Vec<usize>>,
}

impl Net {
    fn of(boxes: &[Size], edges: &[(usize, usize)]) -> Self {
        let mut layer_of = vec![0_usize; boxes.len()];
        let mut sorted = edges.to_vec();
        sorted.sort_by_key(|(from, to)| (*to, *from));
        for (from, to) in &sorted {
            let depth = at(&layer_of, *from) + 1;
            if let Some(layer) = layer_of.get_mut(*to) {
                *layer = (*layer).max(depth);
            }
        }
        let widths = boxes.iter().map(|size| size.width).collect();
        let empty = vec![Vec::new(); boxes.len()];
        let mut net = Self {
            widths,
            layer_of,
            above: empty.clone(),
            below: empty,
            layers: Vec::new(),
            centre: Vec::new(),
            bends: Vec::new(),
        };
        let needed: usize = edges.iter().map(|(from, to)| net.span(*from, *to).saturating_sub(1)).sum();
        for (from, to) in edges {
            net.connect(*from, *to, needed <= MOST_BENDS);
        }
        let count = net.layer_of.iter().max().map_or(0, |last| last + 1);
        net.layers = vec![Vec::new(); count];
        for (node, layer) in net.layer_of.iter().enumerate() {
            if let Some(nodes) = net.layers.get_mut(*layer) {
                nodes.push(node);
            }
        }
        net
    }

    fn span(&self, from: usize, to: usize) -> usize {
        at(&self.layer_of, to).saturating_sub(at(&self.layer_of, from))
    }

    fn connect(&mut self, from: usize, to: usize, bent: bool) {
        let mut bends = Vec::new();
        let mut last = from;
        if bent {
            for layer in at(&self.layer_of, from) + 1..at(&self.layer_of, to) {
                let bend = self.widths.len();
                self.widths.push(BEND);
                self.layer_of.push(layer);
                self.above.push(Vec::new());
                self.below.push(Vec::new());
                self.join(last, bend);
                bends.push(bend);
                last = bend;
            }
        }
        self.join(last, to);
        self.bends.push(bends);
    }

    fn join(&mut self, upper: usize, lower: usize) {
        if let Some(below) = self.below.get_mut(upper) {
            below.push(lower);
        }
        if let Some(above) = self.above.get_mut(lower) {
            above.push(upper);
        }
    }

    /// Orders each layer by the mean place of what its nodes are joined to, downwards and upwards in
    /// turn, and keeps the order with the fewest crossings.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            let count = self.layers.len();
            for step in 0..count {
                let layer = if sweep.is_multiple_of(2) { step } else { count - 1 - step };
                self.sort_layer(layer, sweep.is_multiple_of(2));
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
    }

    fn sort_layer(&mut self, layer: usize, downwards: bool) {
        let place = self.places();
        let neighbours = if downwards { &self.above } else { &self.below };
        let Some(nodes) = self.layers.get_mut(layer) else { return };
        let mean = |node: usize| -> i64 {
            let joined = neighbours.get(node).map(Vec::as_slice).unwrap_or_default();
            if joined.is_empty() {
                return at(&place, node) * 1_000;
            }
            joined.iter().map(|other| at(&place, *other) * 1_000).sum::<i64>() / whole(joined.len())
        };
        nodes.sort_by_key(|node| (mean(*node), at(&place, *node)));
    }

    /// Each node's place in its layer.
    fn places(&self) -> Vec<i64> {
        let mut place = vec![0; self.widths.len()];
        for nodes in &self.layers {
            for (at, node) in nodes.iter().enumerate() {
                if let Some(slot) = place.get_mut(*node) {
                    *slot = whole(at);
                }
            }
        }
        place
    }

    /// The number of crossings between neighbouring layers.
    fn crossings(&self) -> usize {
        let place = self.places();
        let mut sum = 0;
        for nodes in &self.layers {
            let mut ends: Vec<i64> = Vec::new();
            for node in nodes {
                let mut below: Vec<i64> =
                    self.below.get(*node).into_iter().flatten().map(|other| at(&place, *other)).collect();
                below.sort_unstable();
                sum += below
                    .iter()
                    .map(|end| ends.iter().filter(|earlier| *earlier > end).count())
                    .sum::<usize>();
                ends.extend(below);
            }
        }
        sum
    }

    /// Moves nodes towards the mean of what they are joined to, keeping order and distance.
    fn place(&mut self) {
        self.centre = vec![0; self.widths.len()];
        for layer in 0..self.layers.len() {
            let wanted = vec![0; self.layers.get(layer).map_or(0, Vec::len)];
            self.spread(layer, &wanted);
        }
        for shift in 0..SHIFTS {
            let count = self.layers.len();
            for step in 0..count {
                let downwards = shift.is_multiple_of(2);
                let layer = if downwards { step } else { count - 1 - step };
                let wanted = self.wanted(layer, downwards);
                self.spread(layer, &wanted);
            }
        }
    }

    fn wanted(&self, layer: usize, downwards: bool) -> Vec<i64> {
        let neighbours = if downwards { &self.above } else { &self.below };
        let nodes = self.layers.get(layer).map(Vec::as_slice).unwrap_or_default();
        nodes
            .iter()
            .map(|node| {
                let joined = neighbours.get(*node).map(Vec::as_slice).unwrap_or_default();
                if joined.is_empty() {
                    return at(&self.centre, *node);
                }
                joined.iter().map(|other| at(&self.centre, *other)).sum::<i64>() / whole(joined.len())
            })
            .collect()
    }

    /// Sets the centres of a layer near what is wanted: the mean of packing to the right and to the
    /// left, both of which keep order and distance, so their mean does too.
    fn spread(&mut self, layer: usize, wanted: &[i64]) {
        let nodes = self.layers.get(layer).cloned().unwrap_or_default();
        let half = |node: usize| at(&self.widths, node) / 2;
        let mut right = Vec::with_capacity(nodes.len());
        let mut last: Option<(usize, i64)> = None;
        for (node, wish) in nodes.iter().zip(wanted) {
            let least = last.map_or(i64::MIN, |(other, x)| x + half(other) + COLUMN_GAP + half(*node));
            let x = (*wish).max(least);
            right.push(x);
            last = Some((*node, x));
        }
        let mut left = Vec::with_capacity(nodes.len());
        let mut next: Option<(usize, i64)> = None;
        for (node, wish) in nodes.iter().zip(wanted).rev() {
            let most = next.map_or(i64::MAX, |(other, x)| x - half(other) - COLUMN_GAP - half(*node));
            let x = (*wish).min(most);
            left.push(x);
            next = Some((*node, x));
        }
        left.reverse();
        for ((node, right), left) in nodes.iter().zip(right).zip(left) {
            if let Some(centre) = self.centre.get_mut(*node) {
                *centre = i64::midpoint(right, left);
            }
        }
    }

    fn draw(&self, boxes: &[Size], edges: &[(usize, usize)]) -> Layout {
        let mut tops = Vec::with_capacity(self.layers.len());
        let mut heights = Vec::with_capacity(self.layers.len());
        let mut y = 0;
        for nodes in &self.layers {
            let height =
                nodes.iter().filter_map(|node| boxes.get(*node)).map(|size| size.height).max().unwrap_or(0);
            tops.push(y);
            heights.push(height);
            y += height + LAYER_GAP;
        }
        let edge_of = |node: usize| at(&self.centre, node) - at(&self.widths, node) / 2;
        let leftmost = (0..self.widths.len()).map(edge_of).min().unwrap_or(0);
        let x_of = |node: usize| at(&self.centre, node) - leftmost;
        let middle = |node: usize, size: Size| {
            let layer = at(&self.layer_of, node);
            at(&tops, layer) + (at(&heights, layer) - size.height) / 2
        };
        let corners: Vec<Point> = boxes
            .iter()
            .enumerate()
            .map(|(node, size)| Point { x: x_of(node) - size.width / 2, y: middle(node, *size) })
            .collect();
        let routes = edges
            .iter()
            .zip(&self.bends)
            .map(|((from, to), bends)| {
                let below = corners.get(*from).map_or(0, |corner| corner.y)
                    + boxes.get(*from).map_or(0, |size| size.height);
                let mut route = vec![Point { x: x_of(*from), y: below }];
                for bend in bends {
                    let layer = at(&self.layer_of, *bend);
                    let top = at(&tops, layer);
                    route.push(Point { x: x_of(*bend), y: top });
                    route.push(Point { x: x_of(*bend), y: top + at(&heights, layer) });
                }
                route.push(Point { x: x_of(*to), y: corners.get(*to).map_or(0, |corner| corner.y) });
                route
            })
            .collect();
        let rightmost =
            (0..self.widths.len()).map(|node| x_of(node) + at(&self.widths, node) / 2).max().unwrap_or(0);
        Layout { corners, routes, size: Size { width: rightmost, height: (y - LAYER_GAP).max(0) } }
    }
}

fn at<T: Copy + Default>(list: &[T], index: usize) -> T {
    list.get(index).copied().unwrap_or_default()
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Layout, Size, layout};

    const BOX: Size = Size { width: 100, height: 40 };

    fn overlaps(drawn: &Layout, boxes: usize) -> bool {
        (0..boxes).any(|a| {
            (a + 1..boxes).any(|b| {
                let (a, b) = (drawn.corners[a], drawn.corners[b]);
                (a.x - b.x).abs() < BOX.width && (a.y - b.y).abs() < BOX.height
            })
        })
    }

    #[test]
    fn edges_run_downwards_and_boxes_never_overlap() {
        let edges = [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 5), (0, 5), (4, 6), (5, 6), (0, 6)];
        let drawn = layout(&[BOX; 7], &edges);
        assert!(!overlaps(&drawn, 7));
        for route in &drawn.routes {
            assert!(route.windows(2).all(|pair| pair[0].y <= pair[1].y), "{route:?}");
        }
    }

    #[test]
    fn a_diamond_is_symmetric() {
        let drawn = layout(&[BOX; 4], &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        assert_eq!(drawn.corners[0].x, drawn.corners[3].x);
        assert_eq!(drawn.corners[0].x - drawn.corners[1].x, drawn.corners[2].x - drawn.corners[0].x);
    }

    #[test]
    fn crossings_that_can_be_avoided_are() {
        // Two chains whose lower ends are listed the wrong way round.
        let drawn = layout(&[BOX; 4], &[(0, 3), (1, 2)]);
        let side = |a: usize, b: usize| drawn.corners[a].x < drawn.corners[b].x;
        assert_eq!(side(0, 1), side(3, 2));
    }

    #[test]
    fn a_wall_of_two_thousand_boxes_is_placed() {
        let edges: Vec<(usize, usize)> = (1..2_000).map(|to| (0, to)).collect();
        let drawn = layout(&vec![BOX; 2_000], &edges);
        assert_eq!(drawn.corners.len(), 2_000);
    }
}
