//! The literal base URLs of connectors.

use std::sync::Arc;

use super::context::Context;
use crate::catalogue::every;
use crate::decode::Spanned;
use crate::kind::Connector;
use crate::kind::connector::Settable;

/// Every base URL that is written in a spec, with its connector.
pub(super) fn literal<'a>(
    cx: &Context<'a>,
) -> impl Iterator<Item = (&'a Arc<Connector>, &'a Spanned<Arc<str>>)> {
    every(&cx.all.connectors).filter_map(|connector| match &connector.spec.http.as_ref()?.base_url {
        Settable::Literal(text) => Some((connector, text)),
        Settable::Setting(_) => None,
    })
}
