package train

import "encoding/binary"

// Files hold torchvision's layouts, graphs others: a convolution's kernel is
// OIHW in a file and HWIO in a graph, a linear weight [out, in] in a file and
// [in, out] in a graph. Tensors of other ranks are the same in both.

// outer is the shape in a file of a tensor with these dimensions in a graph.
func outer(dims []int) []int {
	switch len(dims) {
	case 2:
		return []int{dims[1], dims[0]}
	case 4:
		return []int{dims[3], dims[2], dims[0], dims[1]}
	}
	return dims
}

// inner is the inverse of outer.
func inner(dims []int) []int {
	switch len(dims) {
	case 2:
		return []int{dims[1], dims[0]}
	case 4:
		return []int{dims[2], dims[3], dims[1], dims[0]}
	}
	return dims
}

// toTorch reorders the values of a tensor from a graph's layout, whose
// dimensions are given, to a file's.
func toTorch(x []float32, dims []int) []float32 {
	return reorder(x, dims, func(y []float32, graph, file int) { y[file] = x[graph] })
}

// fromTorch is the inverse of toTorch; dims are still the graph's.
func fromTorch(x []float32, dims []int) []float32 {
	return reorder(x, dims, func(y []float32, graph, file int) { y[graph] = x[file] })
}

// reorder calls move for each value with its places in both layouts.
func reorder(x []float32, dims []int, move func(y []float32, graph, file int)) []float32 {
	var hw, in, out int
	switch len(dims) {
	case 2:
		hw, in, out = 1, dims[0], dims[1]
	case 4:
		hw, in, out = dims[0]*dims[1], dims[2], dims[3]
	default:
		return x
	}
	y := make([]float32, len(x))
	for p := range hw {
		for i := range in {
			for o := range out {
				move(y, (p*in+i)*out+o, (o*in+i)*hw+p)
			}
		}
	}
	return y
}

// binaryOf is the values in little endian.
func binaryOf[T float32 | int64](x []T) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, x) // fails on other types only
	return b
}

// fromBinary is the inverse of binaryOf.
func fromBinary[T float32 | int64](b []byte) []T {
	var zero T
	x := make([]T, len(b)/binary.Size(zero))
	binary.Decode(b, binary.LittleEndian, x) // the length fits
	return x
}
