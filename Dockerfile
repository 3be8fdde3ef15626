# Image of Tidegate. The edge (run) and the receiver (receive) are the same program.
#   docker build -t tidegate .
#   docker run -v ./edge.yaml:/etc/tidegate/edge.yaml:ro -v tidegate:/data -p 1883:1883 tidegate run -s /etc/tidegate/edge.yaml

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs its install script here: better-sqlite3 ships its binaries, and the image provides Node.js.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
COPY support/prune-modules.js support/
RUN npm ci --omit=dev --ignore-scripts && node support/prune-modules.js && npm cache clean --force

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
# A new named volume takes its owner from this folder.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 1883 8080
# Liveness of an edge. A receiver has no HTTP status; docker-compose.yml turns the check off for it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
  CMD ["node", "dist/main.js", "status", "--alive", "-s", "/etc/tidegate/edge.yaml"]
# On SIGTERM an edge commits what it has accepted and reports to the cloud that it goes offline.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["--help"]
