#!/bin/sh
# Runs GoMLX's own tests of graphs, layers and training on the simd engine, in
# a copy of GoMLX's module of the version that alike requires.
#
#   backend/simd/testdata/gomlx-tests.sh [options of go test] [packages]
#
# Without packages: all of core and ml that needs neither another backend nor
# closures. The backend is simd unless GOMLX_BACKEND says otherwise
# ("go:ops_sequential" shows what fails without the engine too). The first time
# modules are downloaded, since GoMLX's tests need some that alike does not.
set -eu

alike=$(cd "$(dirname "$0")/../../.." && pwd)
gomlx=$(cd "$alike" && go list -m -f '{{.Dir}}' github.com/gomlx/gomlx)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$gomlx/." "$copy"
chmod -R u+w "$copy"
cd "$copy"

# The tests install XLA before they begin; here the engine takes its place.
rm backends/default/xla.go backends/default/onnxruntime.go support/testutil/xla.go
sed -i 's#^\t_ "github.com/gomlx/compute/gobackend"#&\n\t_ "alike/backend/simd"#' backends/default/default.go
sed -i -e '/go-xla/d' -e 's#xla.AutoInstall()#error(nil)#' core/graph/graph_test.go
sed -i -e 's#"github.com/gomlx/go-xla/compute/xla"#_ "alike/backend/simd"#' -e '/go-xla/d' -e 's#xla.AutoInstall()#error(nil)#' support/testutil/testutil.go
sed -i 's#compute.DefaultConfig = "xla:cpu"#compute.DefaultConfig = "simd"#' core/graph/ops_helpers_test.go
go mod edit -require=alike@v0.0.0 -replace=alike="$alike"

export GOFLAGS=-mod=mod
export GOMLX_BACKEND=${GOMLX_BACKEND:-simd}
# These panic for want of an operation, and would take the rest of their package
# with them.
skip='TestDropBlock|TestKVCacheUpdateAndMask'
case $* in
*./*) go test -skip "$skip" "$@" ;;
*) go test -skip "$skip" "$@" $(go list ./core/... ./ml/... | grep -v -e /model/onnx -e /generate/sample) ;;
esac
