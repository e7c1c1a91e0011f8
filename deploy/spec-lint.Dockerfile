# spec-lint alone: no shell, no C library but libc, nothing to keep up to date beside it.
#   docker build -f deploy/spec-lint.Dockerfile -t spec-lint .
#   docker run --rm -v "$PWD:/specs:ro" spec-lint
FROM rust:1.95-bookworm AS build
WORKDIR /source
COPY . .
RUN cargo build --release --locked -p spec-lint

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /source/target/release/spec-lint /usr/bin/spec-lint
WORKDIR /specs
ENTRYPOINT ["/usr/bin/spec-lint"]
