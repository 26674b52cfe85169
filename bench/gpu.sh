#!/usr/bin/env bash
# Measures alike on a graphics card beside PyTorch, on the same card in the same call. Each part prints JSON and
# can be run alone, so that it fits machines that are lent for minutes:
#
#   bench/gpu.sh check             the plugin, the reference values, 13 steps against the CPU engine
#   bench/gpu.sh steps             training steps, both sides in turn
#   bench/gpu.sh train DATA [EPOCHS]   SimCLR on CIFAR-10 from DATA, then kNN; call it again to go on
#
# Needs: the binary (ALIKE, built with CGO_ENABLED=1 go build -tags xla -o alike ./cmd/alike on any linux/amd64), python3
# with PyTorch, torchvision and JAX's CUDA plugin. BACKEND names another engine, BUDGET the minutes of one call of train.
set -euo pipefail
cd "$(dirname "$0")/.."
alike=${ALIKE:-./alike}
backend=${BACKEND:-xla:cuda}
if [ "$backend" = xla:cuda ]; then # kernels that were tried once are not tried again by the next command
  export XLA_FLAGS="${XLA_FLAGS:-} --xla_gpu_per_fusion_autotune_cache_dir=${TMPDIR:-/tmp}"
fi

check() {
  "$alike" info --backends
  "$alike" verify --backend "$backend"
  "$alike" verify --losses --backend "$backend"
  for engine in simd "$backend"; do
    "$alike" train simclr --data 'builtin:sprites?n=512&seed=1' --encoder resnet8 --batch 64 --epochs 3 --steps 20 \
      --monitor-every -1 --backend "$engine" --out "${OUT:-runs}/check-${engine%%:*}"
  done
  python3 - "${OUT:-runs}"/check-{simd,"${backend%%:*}"} <<'PYTHON'
import glob, sys, numpy as np
from safetensors.numpy import load_file
a, b = (load_file(sorted(glob.glob(run + "/checkpoints/*/model.safetensors"))[-1]) for run in sys.argv[1:])
worst = max((np.linalg.norm(a[k] - b[k]) / max(np.linalg.norm(a[k]), 1e-30), k) for k in a)
print(f"after 20 steps the largest relative difference of a parameter is {worst[0]:.2g}, of {worst[1]}")
PYTHON
}

# both NET PAIRS SIZE DTYPE: one step, both sides in turn, twice
both() {
  for _ in 1 2; do
    "$alike" bench step --encoder "$1" --pairs "$2" --size "$3" --dtype "$4" --steps 20 --backend "$backend" --json
    python3 bench/torch_simclr_gpu.py "$1" "$2" "$3" 20 "$4" compile
  done
}

steps() {
  nvidia-smi --query-gpu=name,memory.total,clocks.max.sm --format=csv || true
  both resnet18 512 32 bf16
  both resnet18 512 32 fp32
  both resnet50 256 224 bf16
}

train() {
  run=${OUT:-runs}/cifar10-resnet18
  if [ -e "$run" ]; then
    "$alike" resume "$run" --backend "$backend" --max-minutes "${BUDGET:-8}"
  else
    "$alike" train simclr --data "$1" --encoder resnet18 --batch 512 --epochs "${2:-100}" --warmup-epochs 5 --dtype bf16 --pixels uint8 \
      --optimizer sgd --lr 0.2 --scaling none --set optimizer.weight_decay=0.0005 --set loss.temperature=0.2 \
      --views 'crop(0.2, 1) flip jitter(0.5) gray(0.2)' --monitor-every -1 --backend "$backend" --max-minutes "${BUDGET:-8}" --out "$run"
  fi
  "$alike" eval knn "$run" --data "$1" --backend "$backend" --json
  tail -n 1 "$run/metrics.jsonl"
}

part=${1:-}
case $part in
  check | steps | train) shift && "$part" "$@" ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
