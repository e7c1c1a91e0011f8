# What developers do here. `just` lists it.

_default:
    @just --list --unsorted

# exactly what CI runs: fmt, clippy, deny, all tests, lint of our own specs
check:
    .ci/check

# builds and runs the main job
demo:
    cargo run --release -p ordain -- demo

# the tests of one crate
dev CRATE="ordain-kernel":
    cargo nextest run -p {{CRATE}}

# measures, as ratios to a raw baseline of the same run
bench *ARGS:
    cargo build --release -p ordain -p spec-lint
    cargo run --release -p engine-tests --features bench --bin bench -- {{ARGS}}

# one seed of the simulation, or many: `just sim 415`, `just sim 1..5000`
sim SEED:
    ORDAIN_SIM={{SEED}} cargo nextest run --cargo-profile sim -p ordain-kernel --test simulation --no-capture -E 'test(=random_lives_end_well)'

# a fuzz target (yaml, kdl, expression, store_row, reply, evidence) for SECONDS
fuzz TARGET SECONDS="60":
    mkdir -p fuzz/corpus/{{TARGET}} fuzz/seeds/{{TARGET}}
    ASAN_OPTIONS=detect_odr_violation=0 cargo +nightly fuzz run --fuzz-dir fuzz {{TARGET}} fuzz/corpus/{{TARGET}} fuzz/seeds/{{TARGET}} -- -max_total_time={{SECONDS}} -timeout=25 -max_len=8192

# 5,000 single mistakes in what governs: writes into docs/reference/recall.md how many lint sees, and which it does not
recall COUNT="5000":
    ORDAIN_RECALL={{COUNT}} cargo nextest run --cargo-profile sim -p spec-lint --no-capture -E 'test(nineteen_of_twenty)'

# every YAML file below FOLDER, each by itself: none may crash or pass; how long each takes
foreign FOLDER:
    ORDAIN_FOREIGN={{FOLDER}} cargo nextest run --cargo-profile sim -p spec-lint --no-capture -E 'test(each_file_of_a_folder)'

# the two files and the line of a new rule of lint: `just new-rule stale-thing policies`
new-rule SLUG GROUP:
    lint/new-rule {{SLUG}} {{GROUP}}

# writes the committed snapshots and the reference (docs/reference) anew
update:
    INSTA_UPDATE=always cargo nextest run --workspace
