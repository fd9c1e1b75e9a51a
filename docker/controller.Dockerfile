# The controller, from its own Debian package. Built from the project's root: docker build --file docker/controller.Dockerfile --tag convirt-controller .
FROM node:20-bookworm AS build
# Its time stamps are those of SOURCE_DATE_EPOCH, so no git is asked for them.
WORKDIR /src
COPY . .
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}
RUN npm ci --no-audit --no-fund \
    && npm run package -- --out /packages \
    && dpkg-deb --extract /packages/convirt-controller_*.deb /installed

FROM node:20-bookworm-slim
COPY --from=build /installed/usr/lib/convirt-controller /usr/lib/convirt-controller
COPY --from=build /installed/usr/share/convirt /usr/share/convirt
# The launchers of the package look for Debian's node.
RUN ln -s /usr/local/bin/node /usr/bin/node \
    && printf '#!/bin/sh\nexec node /usr/lib/convirt-controller/cli/main.js "$@"\n' >/usr/local/bin/convirt \
    && chmod 755 /usr/local/bin/convirt \
    && useradd --user-group --uid 8443 --home-dir /var/lib/convirt --shell /usr/sbin/nologin convirt \
    && install -d -m 0700 -o convirt -g convirt /var/lib/convirt \
    && install -d -o convirt -g convirt /var/cache/convirt \
    && cp -R /usr/share/convirt/image_store /var/cache/convirt/image_store \
    && chown -R convirt:convirt /var/cache/convirt/image_store
USER convirt
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=4194304 \
    MALLOC_TRIM_THRESHOLD_=1048576 \
    CONVIRT_HTTP_LISTEN=0.0.0.0:8080 \
    CONVIRT_HTTP_ANYWHERE=true \
    CONVIRT_STORE_SHIPPED_DIR=/usr/share/convirt/image_store
# A named volume is filled from these at its first use, so that the rest may be read-only.
VOLUME ["/var/lib/convirt", "/var/cache/convirt/image_store"]
EXPOSE 8080 8443
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/usr/lib/convirt-controller/controller/dist/main.js"]
