# unstale in a container.
#
#   docker build -t unstale .
#   docker run -v ./unstale.yaml:/etc/unstale/unstale.yaml:ro -e MYSQL_PASSWORD unstale
#
# The daemon writes nothing to the file system (its position lives in MySQL): --read-only works. The health
# check asks port 9630, the default of `admin.listen`; metrics from outside need 0.0.0.0:9630 there, and an admin.token.

FROM node:24 AS build
WORKDIR /build
COPY package.json package-lock.json ./
# No install scripts: they fetch the devDependency "node", and the image has its own.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/copy-lua.mjs ./scripts/
COPY src ./src
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json \
  && node scripts/copy-lua.mjs \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /opt/unstale
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json ./
COPY config ./config
USER node
EXPOSE 9630
# Drains: no new changes are read, open ones are finished, the position is stored.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9630/livez').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/opt/unstale/dist/cli/unstale.js"]
CMD ["run", "-c", "/etc/unstale/unstale.yaml"]
