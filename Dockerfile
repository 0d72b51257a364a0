# syntax=docker/dockerfile:1
# metawsm's image. docs/image.md says what is in it; `make image` builds it with docker, podman or buildah. Bases are build
# arguments: name digests of your own mirror to have the same image again. The build needs the bases, crates.io and, for
# git, the base's package mirror.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm
ARG RUNTIME_IMAGE=docker.io/library/debian:bookworm-slim
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm
# Like v0.0.17. Empty: without docmgr; the built-in docs server serves the workspaces.
ARG DOCMGR_VERSION=

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY migrations migrations
COPY benches benches
COPY src src
# As scripts/image-binary does: no path of the machine that builds is in the program.
ENV RUSTFLAGS="--remap-path-prefix=/usr/local/cargo/registry/src=/crates --remap-path-prefix=/src=/metawsm"
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release && install -D -m 0755 target/release/metawsm /out/bin/metawsm

FROM ${GO_IMAGE} AS docmgr-built
ARG DOCMGR_VERSION
ENV GOTOOLCHAIN=local GOFLAGS=-trimpath CGO_ENABLED=1
RUN GOBIN=/out/bin go install -tags sqlite_fts5 "github.com/go-go-golems/docmgr/cmd/docmgr@${DOCMGR_VERSION}"

# Nothing is added from here where there is no version.
FROM scratch AS docmgr-
WORKDIR /out

# `docmgr-` or `docmgr-built`.
FROM docmgr-${DOCMGR_VERSION:+built} AS docmgr

FROM ${RUNTIME_IMAGE} AS runtime
COPY scripts/image-trim /image-trim
# One step, so that nothing it takes out stays in a layer below.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends ca-certificates git openssh-client \
 && sh /image-trim
COPY --from=docmgr /out/ /usr/local/
COPY --from=build /out/bin/metawsm /usr/local/bin/metawsm
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title=metawsm org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=${VERSION} org.opencontainers.image.revision=${REVISION}
ENV PATH=/usr/local/bin:/usr/bin:/bin METAWSM_DATA_DIR=/var/lib/metawsm
WORKDIR /var/lib/metawsm
# By number: Kubernetes can tell only from a number that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/metawsm"]
CMD ["controller"]
