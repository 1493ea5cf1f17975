#!/usr/bin/env bash
# under_load.sh LODE PYTHON DATA DIR [REPEATS]: our precisions beside ONNX Runtime and OpenVINO
# under the load generator, on MobileNetV2 and SqueezeNet, in three scenarios, and each one's
# accuracy on the images of DATA (the folder that LODE_TEST_DATA names): one `lode sweep`, in
# DIR/under-load, whose table is printed. PYTHON has the peers; those that it lacks are left out, by
# name.
set -euo pipefail
lode=$1
python=$2
data=$3
dir=$4
repeats=${5:-3}

if [[ ! -d $data/imagenet-mini ]]; then
  echo "under load: skipped: set LODE_TEST_DATA to a folder with models/ and imagenet-mini/"
  exit 0
fi
suts="engine, engine, engine, engine"
precisions="fp32, fp16, int8-static, int8-dynamic"
baseline=sut=engine,precision=fp32
for peer in openvino onnxruntime; do
  if [[ -z $python ]] || ! "$python" -c "import numpy, $peer" 2>/dev/null; then
    echo "under load: without $peer: python3 -m venv ENV && ENV/bin/pip install $peer numpy," \
      "then PEERS_PYTHON=ENV/bin/python"
    continue
  fi
  suts+=", \"process:$peer\""
  precisions+=", fp32"
  baseline=sut=process:$peer,precision=fp32
done

mkdir -p "$dir"
data=$(realpath "$data")
dir=$(realpath "$dir")
normalised=(--images "$data/imagenet-mini/images" --labels "$data/imagenet-mini/val_map.txt"
  --resize 256 --crop 224 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225)
[[ -e $dir/images.h5 ]] ||
  "$lode" dataset import "${normalised[@]}" --calibration-samples 0 --output "$dir/images.h5"
[[ -e $dir/calibration.h5 ]] ||
  "$lode" dataset import "${normalised[@]}" --calibration-samples 8 --output "$dir/calibration.h5"
cat >"$dir/under-load.yaml" <<END
model: [$data/models/mobilenetv2.onnx, $data/models/squeezenet1.1.onnx]
dataset: $dir/images.h5
calibration: $dir/calibration.h5
threads: 1
samples_per_query: 4
min_duration: 1s
min_queries: 20
performance_samples: 32
sut: [$suts]
precision: [$precisions]
scenario: [single-stream, multi-stream, offline, offline]
mode: [performance, performance, performance, accuracy]
END
rm -rf "$dir/under-load"
LODE_PYTHON=${python:-python3} "$lode" sweep "$dir/under-load.yaml" --zip sut,precision \
  --zip scenario,mode --repeats "$repeats" --cool-down 50ms --baseline "$baseline" \
  --front throughput,p90 --output "$dir/under-load"
