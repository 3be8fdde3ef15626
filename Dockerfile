# Tidegate as an image: the edge (run) and the receiver (receive) are the same program.
#   docker build -t tidegate .
#   docker run -v ./edge.yaml:/etc/tidegate/edge.yaml:ro -v tidegate:/data -p 1883:1883 tidegate run -s /etc/tidegate/edge.yaml

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs its install script here: SQLite comes with its binaries, and Node.js is the image's own.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
# A new named volume takes its owner from here.
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 1883 8080
# Of an edge; a receiver has no page to ask and brings a check of its own (docker-compose.yml).
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
  CMD ["node", "dist/main.js", "status", "-s", "/etc/tidegate/edge.yaml"]
# An edge that is stopped commits what it has taken and tells the cloud that it leaves.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["--help"]
