# The service in a container: `docker build -t facevae .`, then `docker compose up` (docs/serve.md).
# --build-arg TORCH_INDEX=URL takes PyTorch, and nothing else, from there: its CPU build makes an image without CUDA
# (docs/install.md). Behind a mirror: --build-arg PIP_INDEX_URL=URL.
FROM python:3.11-slim AS build

ARG PIP_INDEX_URL
ARG TORCH_INDEX
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /build
RUN python -m venv /opt/facevae
ENV PATH=/opt/facevae/bin:$PATH
COPY constraints.txt ./
# By itself, so that a change of the code does not fetch torch again.
RUN pip install -c constraints.txt ${TORCH_INDEX:+--no-deps --index-url "$TORCH_INDEX"} torch
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
# opencv-python links libraries of a desktop, which this image lacks; its headless build is the same cv2.
RUN pip install -c constraints.txt '.[studio,onnx]' \
 && pip uninstall --yes opencv-python \
 && pip install -c constraints.txt opencv-python-headless \
 && python -c 'import cv2, facevae.server.app'

FROM python:3.11-slim

RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin facevae
COPY --from=build /opt/facevae /opt/facevae
ENV PATH=/opt/facevae/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    GRADIO_TEMP_DIR=/tmp/gradio \
    GRADIO_ANALYTICS_ENABLED=False \
    HF_HUB_OFFLINE=1
USER 10001
WORKDIR /tmp
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/v1/ready', timeout=4)"]
# SIGTERM, which `docker stop` sends, finishes what was accepted: give it --time 70 (stop_grace_period).
ENTRYPOINT ["facevae", "serve", "--host", "0.0.0.0", "--port", "8000"]
