# spec-lint alone, as nobody.
#   docker build -f deploy/spec-lint.Dockerfile -t spec-lint .
#   docker run --rm -v "$PWD:/specs:ro" spec-lint
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p spec-lint

FROM debian:bookworm-slim
COPY --from=build /source/target/release/spec-lint /usr/bin/spec-lint
USER nobody
WORKDIR /specs
ENTRYPOINT ["/usr/bin/spec-lint"]
