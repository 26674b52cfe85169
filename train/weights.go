package train

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/nlpodyssey/safetensors"

	"alike/internal/weightfile"
	"alike/optimize"
)

// blob is a tensor as files hold it, little endian: float32, or int64 for an
// optimiser's counts.
type blob struct {
	dtype safetensors.DType
	dims  []int
	data  []byte
}

// The methods by which the safetensors library reads a tensor.

func (b blob) DType() safetensors.DType { return b.dtype }
func (b blob) DataLen() uint64          { return uint64(len(b.data)) }
func (b blob) Data() []byte             { return b.data }
func (b blob) Shape() []uint64 {
	dims := make([]uint64, len(b.dims))
	for i, d := range b.dims {
		dims[i] = uint64(d)
	}
	return dims
}

// collect copies the variables of a store into the form of files: under
// torchvision's names, in torchvision's layouts. scope is that of the optimiser's
// state, or of the method's memory; the weights are what is in neither.
func collect(store *model.Store, scope string) (map[string]blob, error) {
	blobs := map[string]blob{}
	for v := range store.IterVariables() {
		path := v.Path()
		of := ""
		for _, state := range []string{optimize.StatePath, methodPath} {
			if strings.HasPrefix(path, state+"/") {
				of = state
			}
		}
		if of != scope || path == model.RootScopePath+model.RNGStateVariableName {
			continue
		}
		t, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("weights: %s: %w", path, err)
		}
		b, err := toBlob(t)
		if err != nil {
			return nil, fmt.Errorf("weights: %s: %w", path, err)
		}
		blobs[dotted(path[len(of):])] = b
	}
	return blobs, nil
}

func toBlob(t *tensors.Tensor) (blob, error) {
	dims := t.Shape().Dimensions
	if t.DType() == dtypes.Int64 {
		flat, err := tensors.CopyFlatData[int64](t)
		return blob{safetensors.I64, dims, binaryOf(flat)}, err
	}
	flat, err := tensors.CopyFlatData[float32](t)
	if err != nil {
		return blob{}, err
	}
	return blob{safetensors.F32, outer(dims), binaryOf(toTorch(flat, dims))}, nil
}

func (b blob) tensor() *tensors.Tensor {
	if b.dtype == safetensors.I64 {
		return tensors.FromFlatDataAndDimensions(fromBinary[int64](b.data), b.dims...)
	}
	dims := inner(b.dims)
	return tensors.FromFlatDataAndDimensions(fromTorch(fromBinary[float32](b.data), dims), dims...)
}

// restore puts tensors of a file into a store, as variables under prefix.
func restore(store *model.Store, prefix string, blobs map[string]blob) error {
	for _, name := range slices.Sorted(maps.Keys(blobs)) {
		path := prefix + "/" + strings.ReplaceAll(name, ".", "/")
		v, err := store.CreateVariable(path, blobs[name].tensor())
		if err != nil {
			return fmt.Errorf("weights: %s: %w", name, err)
		}
		if prefix == optimize.StatePath || isStatistic(name) {
			v.SetTrainable(false)
		}
	}
	return nil
}

// isStatistic tells batch norm's running statistics from what is learned.
func isStatistic(name string) bool {
	return strings.HasSuffix(name, "running_mean") || strings.HasSuffix(name, "running_var")
}

// writeTensors writes a safetensors file.
func writeTensors(path string, blobs map[string]blob, metadata map[string]string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = safetensors.SerializeToWriter(blobs, metadata, f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// readTensors reads a safetensors file of the types that alike writes.
func readTensors(path string) (map[string]blob, error) {
	tensors, err := weightfile.ReadSafetensors(path)
	if err != nil {
		return nil, err
	}
	blobs := map[string]blob{}
	for name, t := range tensors {
		if t.DType != safetensors.F32 && t.DType != safetensors.I64 {
			return nil, fmt.Errorf("%s: tensor %s is %s, want F32 or I64", path, name, t.DType)
		}
		blobs[name] = blob{t.DType, t.Dims, t.Data}
	}
	return blobs, nil
}

// weightsSHA256 identifies weights whatever file they are in: it runs over the
// sorted (name, dtype, shape, bytes) of all tensors.
func weightsSHA256(blobs map[string]blob) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(blobs)) {
		fmt.Fprintf(h, "%s\x00%s\x00%v\x00", name, blobs[name].dtype, blobs[name].dims)
		h.Write(blobs[name].data)
	}
	return hex.EncodeToString(h.Sum(nil))
}
