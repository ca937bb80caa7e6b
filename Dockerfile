# Sceau in a container: docker build -t sceau . && docker run -p 8080:8080 -v sceau:/var/lib/sceau -v /path/of/the/scanner:/var/lib/sceau/stations/demo sceau
# The first stage has the tools, the second only what runs.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ENV DEBIAN_FRONTEND=noninteractive
WORKDIR /src
RUN apt-get -q update && apt-get -q install -y --no-install-recommends ca-certificates make python3 python3-venv
# The locks first: a change of our code does not fetch the world again.
COPY Makefile package.json package-lock.json packages.apt requirements*.lock pyproject.toml ./
COPY .ci .ci
COPY station/web/icons.txt station/web/icons.txt
RUN make -s .setup/web && .setup/tools/bin/uv venv -q --python /usr/bin/python3 /opt/sceau \
 && .setup/tools/bin/uv pip sync -q --no-cache --compile-bytecode -p /opt/sceau --require-hashes requirements.lock
COPY . .
RUN .ci/setup verifier && .setup/tools/bin/uv pip install -q --no-cache --compile-bytecode -p /opt/sceau --no-deps --build-constraints requirements-setup.lock .

FROM ${BASE}
ENV PATH=/opt/sceau/bin:$PATH PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 SCEAU_HOME=/var/lib/sceau
COPY packages.apt /tmp/packages.apt
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends python3 $(awk '$1 == "run" { print $2 }' /tmp/packages.apt) \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /tmp/packages.apt \
 && useradd --uid 10001 --home-dir /var/lib/sceau --create-home --shell /usr/sbin/nologin sceau \
 && install -d -o sceau -g sceau /var/lib/sceau/stations /var/lib/sceau/stations/demo
COPY --from=build /opt/sceau /opt/sceau
USER sceau
WORKDIR /var/lib/sceau
# Documents and evidence; and apart from them, the folders the scanners write to.
VOLUME ["/var/lib/sceau", "/var/lib/sceau/stations"]
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health', timeout=4)"]
CMD ["sceau", "serve", "--host", "0.0.0.0"]
