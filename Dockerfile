# unstale in a container.
#
#   docker build -t unstale .
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges \
#     -v ./unstale.yaml:/etc/unstale/unstale.yaml:ro -e MYSQL_PASSWORD unstale
#   docker exec CONTAINER unstale tail -c /etc/unstale/unstale.yaml
#
# `unstale run` writes nothing to the file system, not even to /tmp: its position lives in MySQL and its log goes to
# standard output. So --read-only needs no writable directory beside it.
#
# The base is slim and not distroless: it can be pinned to the version of Node.js that the tests run on, and an
# operator finds a shell, `unstale check` and `unstale explain` where the network is that of the daemon.
#
# The health check asks port 9630, the default of `admin.listen`. Metrics from outside need 0.0.0.0:9630 there, and an
# admin.token, without which the daemon does not start.

ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No install scripts: they fetch the devDependency "node", and the image has its own.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/copy-assets.mjs ./scripts/
COPY src ./src
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json \
  && node scripts/copy-assets.mjs \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund
# What only a development needs; and `unstale` has to be a program of its own right.
RUN find dist \( -name '*.map' -o -name '*.d.ts' \) -delete && chmod 755 dist/cli/unstale.js

FROM ${NODE_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="unstale" \
  org.opencontainers.image.description="Follows the MySQL binlog and removes from Redis what each committed change made stale" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production
WORKDIR /opt/unstale
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE ./
COPY config ./config
RUN ln -s /opt/unstale/dist/cli/unstale.js /usr/local/bin/unstale
# The user `node` of the base image, by number: Kubernetes cannot tell that a name is not root.
USER 1000:1000
EXPOSE 9630
# Drains: no new changes are read, open ones are finished, the position is stored. The daemon handles it as process 1 too
# and has no children that could be left behind, so that no init is needed.
STOPSIGNAL SIGTERM
# Alive, not ready: a restart mends neither MySQL nor Redis. Set HEALTH_URL if `admin.listen` has another port.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.HEALTH_URL ?? 'http://127.0.0.1:9630/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The flags keep the heap small (src/cli/unstale.ts says why); here V8 has them from its first allocation on.
ENTRYPOINT ["node", "--semi-space-growth-factor=1", "--heap-growing-percent=12", "--optimize-for-size", "/opt/unstale/dist/cli/unstale.js"]
CMD ["run", "-c", "/etc/unstale/unstale.yaml"]
