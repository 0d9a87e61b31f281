# MegActor in a container.
#
#   docker build -t megactor .                                                                       # CPU
#   docker build -t megactor:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130 .   # NVIDIA GPUs
#   docker run --rm -v "$PWD:/work" megactor animate me.jpg talk.mp4 -o out.mp4
#   docker run --rm --gpus all -v "$PWD:/work" megactor:cuda animate me.jpg talk.mp4 -o out.mp4
FROM python:3.12-slim-bookworm

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

# OpenCV's wheel links against these
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1=1.6.* libglib2.0-0=2.74.* libsm6=2:1.2.* libxext6=2:1.3.* \
    && rm -rf /var/lib/apt/lists/*

# before the package's own files, so that a change of ours does not fetch PyTorch again
RUN pip install --no-cache-dir torch==2.13.0 --index-url "$TORCH_INDEX"

WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir . && useradd --create-home --uid 1000 megactor

USER 1000
WORKDIR /work
ENTRYPOINT ["megactor"]
CMD ["--help"]
