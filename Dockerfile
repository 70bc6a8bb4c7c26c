# syntax=docker/dockerfile:1

FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
COPY workers ./workers
# The script that installs and builds everywhere else, then only what runs is kept. A cache of packages, not a layer of
# its own, makes rebuilds quick: the script has to be the one that installs, or its stamp is missing and it starts over.
RUN --mount=type=cache,target=/root/.npm node scripts/setup.mjs && npm prune --omit=dev --no-save

FROM node:24-bookworm-slim
WORKDIR /app
COPY package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist

# A volume takes over the owner of the directory that it covers.
RUN mkdir /data && chown node:node /data
ENV DATA_DIR=/data
VOLUME /data

USER node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SERVER_PORT || 8080}/readyz`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# Node runs as process 1 without an init such as tini: Sluice handles SIGTERM itself and starts threads, not programs,
# so that there are no orphans to reap.
STOPSIGNAL SIGTERM
CMD ["node", "dist/src/main.js"]
