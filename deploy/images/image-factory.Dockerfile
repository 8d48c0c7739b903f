# syntax=docker/dockerfile:1
# Images of the two processes and of the migrations, from the root of the checkout:
#
#   docker build -f deploy/images/image-factory.Dockerfile --target api        -t image-factory-api .
#   docker build -f deploy/images/image-factory.Dockerfile --target dispatcher -t image-factory-dispatcher .
#   docker build -f deploy/images/image-factory.Dockerfile --target migrate    -t image-factory-migrate .

ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
ENV TURBO_TELEMETRY_DISABLED=1 SCARF_ANALYTICS=false CI=true
RUN npm install --global pnpm@12.21.0
WORKDIR /source
COPY . .
RUN pnpm install --frozen-lockfile
RUN pnpm exec turbo run build --ui=stream
# Each process with its production dependencies only.
RUN pnpm --filter @image-factory/api deploy --legacy --prod /out/api \
 && pnpm --filter @image-factory/dispatcher deploy --legacy --prod /out/dispatcher \
 && pnpm --filter @image-factory/migrations deploy --legacy --prod /out/migrate \
 && cp deploy/images/migrate.mjs /out/migrate/migrate.mjs

FROM ${NODE_IMAGE} AS runtime
ENV NODE_ENV=production NODE_OPTIONS=--enable-source-maps
WORKDIR /app
# The image's own user `node`, by number so that runAsNonRoot can be checked.
USER 1000:1000

FROM runtime AS migrate
COPY --from=build --chown=0:0 /out/migrate /app
ENTRYPOINT ["node", "migrate.mjs"]

FROM runtime AS api
COPY --from=build --chown=0:0 /out/api /app
ENV IF_SERVER_HOST=0.0.0.0 IF_DATA_DIR=/var/lib/image-factory
VOLUME /var/lib/image-factory
EXPOSE 8080 9464
ENTRYPOINT ["node", "dist/main.js"]

FROM runtime AS dispatcher
COPY --from=build --chown=0:0 /out/dispatcher /app
ENV IF_DISPATCHER_HTTP_HOST=0.0.0.0 IF_DATA_DIR=/var/lib/image-factory
VOLUME /var/lib/image-factory
EXPOSE 9465
ENTRYPOINT ["node", "dist/main.js"]
