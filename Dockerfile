# The gateway, complete in itself: docker build -t portico .
# The document service on its own: docker build -t portico-docservice --target docservice .
#
# Each image holds a static program, the certificates of public authorities, and an empty /data that the account 65532
# owns. It runs with a read-only root file system and without capabilities.

ARG GO=1.26

FROM --platform=$BUILDPLATFORM golang:${GO}-bookworm AS build
WORKDIR /src
# Where modules come from, where that is not the usual place.
ARG GOPROXY
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -tags nomsgpack \
      -ldflags "-s -w -X portico.internal/platform/app.version=$VERSION" -o /out/ ./cmd/portico ./cmd/docservice \
    && install -d -m 0700 /out/data

FROM scratch AS base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
VOLUME /data
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.version=$VERSION org.opencontainers.image.revision=$REVISION

FROM base AS docservice
LABEL org.opencontainers.image.title="Portico document service" \
      org.opencontainers.image.description="The reference feature service of Portico"
COPY --from=build /out/docservice /
ENV DOCSERVICE_LISTEN=:8001 DOCSERVICE_DATA_DIR=/data
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s CMD ["/docservice", "healthcheck"]
ENTRYPOINT ["/docservice"]

FROM base AS portico
LABEL org.opencontainers.image.title="Portico" \
      org.opencontainers.image.description="A self-hosted workspace gateway"
COPY --from=build /out/portico /
ENV PORTICO_LISTEN=:8000 PORTICO_DATA_DIR=/data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s CMD ["/portico", "healthcheck"]
ENTRYPOINT ["/portico"]
