# A host for trying out: the agent, and fake-xen in the place of Xen. Built from the project's root.
FROM node:20-bookworm AS build
WORKDIR /src
COPY . .
RUN npm ci --no-audit --no-fund && npm run build

FROM node:20-bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends busybox-static ca-certificates curl e2fsprogs genisoimage qemu-utils util-linux xfsprogs \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/agent/dist/convirt-agent.mjs /usr/lib/convirt-agent/convirt-agent.mjs
COPY --from=build /src/fake-xen/dist/fake-xen.cjs /usr/lib/fake-xen/fake-xen.cjs
COPY docker/host-start /usr/local/sbin/host-start
# The agent gives a toolstack an environment of its own making, so the launcher names the folder of the domains.
# Tiny_Linux takes the host's own kernel for its guest's; fake-xen boots none, so a file stands in for it.
RUN ln -s /bin/busybox /vmlinuz \
    && printf '#!/bin/sh\nexport FAKE_XEN_DIR=/var/lib/fake-xen\nexec node /usr/lib/fake-xen/fake-xen.cjs xl "$@"\n' >/usr/sbin/xl \
    && printf '#!/bin/sh\nexport MALLOC_ARENA_MAX=2\nexec node --max-semi-space-size=1 --initial-heap-size=64 /usr/lib/convirt-agent/convirt-agent.mjs "$@"\n' >/usr/sbin/convirt-agent \
    && chmod 755 /usr/sbin/xl /usr/sbin/convirt-agent /usr/local/sbin/host-start
ENV CONVIRT_AGENT_DEFAULT_BRIDGE=xenbr0 CONVIRT_AGENT_SCOPES=never
EXPOSE 8445
ENTRYPOINT ["/usr/local/sbin/host-start"]
