package conv

import (
	"alike/internal/kernel/cpu"
	"alike/internal/kernel/tile"
)

// What a task works on should stay in a level 2 cache of 1 MB.
const (
	imageFloats = 128 << 10 // of x, with its border
	panelFloats = 80 << 10  // of weights, read again for each tile of y
	taskPixels  = 1024      // of y: many for each time that weights are read
	partColumns = 64        // of y: what it takes to be worth a copy of x
	minTasks    = 16        // that even a small batch is cut into
)

// plan is a sweep cut into tasks: groups of images, bands of their rows, and
// parts of the columns of y. Rows are those of a phase.
type plan struct {
	*sweep
	kernel tile.Kernel
	lv     cpu.Level
	panels int // of kernel.Width columns of y
	budget int // elements of x, with its border, that a task may take to hold several images

	images, rows, columns int // of a task; columns in panels
	groups, bands, parts  int // how many there are

	count, stepH, strideH int  // rows of the largest phase, and their distances in x and y
	hollow                bool // there are pixels of y with nothing to sum
	window
	direct             bool // x is used where it lies, not copied with its border
	imageStep, rowStep int  // distances in x or in the copy
	lists              []list
}

// window is what the rows of a band need of x: the rows from top on, for the
// first band, and the columns from left on.
type window struct{ top, left, height, width int }

func newPlan(g *sweep, kernel tile.Kernel, budget int) *plan {
	t := &plan{sweep: g, kernel: kernel, panels: ceil(g.o, kernel.Width), budget: budget}
	for _, ph := range t.phases {
		t.count, t.stepH, t.strideH = max(t.count, ph.v.count), ph.v.step, ph.v.stride
		t.hollow = t.hollow || ph.v.taps*ph.h.taps*t.c == 0
	}
	t.cut()
	t.direct = t.isDirect()
	t.imageStep, t.rowStep = t.height*t.width*t.c, t.width*t.c
	if t.direct {
		t.imageStep, t.rowStep = t.h*t.w*t.c, t.w*t.c
	}
	t.lists = t.list(t.images, 0)
	return t
}

// cut decides on the tasks.
func (t *plan) cut() {
	pixels := 0
	for _, ph := range t.phases {
		pixels = max(pixels, ph.v.count*ph.h.count)
	}
	t.images, t.rows = 1, t.count
	if pixels > taskPixels {
		t.rows = max(1, t.rows*taskPixels/pixels)
	}
	t.window = t.windowOf(t.rows)
	columns := ceil(partColumns, t.kernel.Width) // the least of a part
	if t.hollow {
		columns = t.panels
	}
	if t.rows == t.count {
		floats := max(1, t.height*t.width*t.c)
		t.images = t.fullest(min(taskPixels/pixels, t.budget/floats, t.n*ceil(t.panels, columns)/minTasks))
	}
	t.groups, t.bands = ceil(t.n, t.images), ceil(t.count, t.rows)
	t.columns = max(columns, ceil(t.panels, ceil(minTasks, t.groups*t.bands)))
	t.parts = ceil(t.panels, t.columns)
}

// fullest is the number of images, at most n, that leaves the least of the
// tiles empty; the largest one of those.
func (t *plan) fullest(n int) int {
	best, fewest := 1, 0
	for images := 1; images <= n; images++ {
		tiles := 0
		for _, ph := range t.phases {
			image, row, column := t.dims(ph, images, ph.v.count)
			groups := image.n * row.n
			tiles += ceil(groups*(column.n/t.kernel.Rows), t.kernel.Groups)
			if column.n%t.kernel.Rows > 0 {
				tiles += ceil(groups, t.kernel.Groups)
			}
		}
		if images == 1 || tiles*best <= fewest*images {
			best, fewest = images, tiles
		}
	}
	return best
}

// windowOf is what the first rows rows of each phase need.
func (t *plan) windowOf(rows int) (w window) {
	bottom, right, first := 0, 0, true
	for _, ph := range t.phases {
		v, h := ph.v, ph.h
		if v.taps*h.taps*v.count*h.count == 0 {
			continue
		}
		end, side := v.from+(min(rows, v.count)-1)*v.step+v.taps, h.from+(h.count-1)*h.step+h.taps
		if first {
			w.top, w.left, bottom, right, first = v.from, h.from, end, side, false
		}
		w.top, w.left, bottom, right = min(w.top, v.from), min(w.left, h.from), max(bottom, end), max(right, side)
	}
	w.height, w.width = bottom-w.top, right-w.left
	return w
}

// isDirect says whether nothing outside x is needed, not even to fill up groups, and x as it is.
func (t *plan) isDirect() bool {
	if t.in != nil {
		return false
	}
	for _, ph := range t.phases {
		if ph.h.count%t.kernel.Rows != 0 {
			return false
		}
	}
	w := t.windowOf(t.count)
	return w.top >= 0 && w.left >= 0 && w.top+w.height <= t.h && w.left+w.width <= t.w
}

// list is where the groups of pixels of a phase begin. Pixels of a group are
// neighbours in a row, or the same pixel of neighbouring images.
type list struct {
	whole, rest []tile.Group
	restRows    int // pixels in each group of rest
	aRow, cRow  int // distances between the pixels of a group
}

// list lists the groups of each phase for some images and the band from row on.
func (t *plan) list(images, row int) []list {
	lists := make([]list, len(t.phases))
	for i, ph := range t.phases {
		image, row, column := t.dims(ph, images, max(0, min(t.rows, ph.v.count-row)))
		l := list{restRows: column.n % t.kernel.Rows, aRow: column.a, cRow: column.c}
		for i := range image.n {
			for j := range row.n {
				for k := 0; k < column.n; k += t.kernel.Rows {
					g := tile.Group{A: i*image.a + j*row.a + k*column.a, C: i*image.c + j*row.c + k*column.c}
					if k+t.kernel.Rows <= column.n {
						l.whole = append(l.whole, g)
					} else {
						l.rest = append(l.rest, g)
					}
				}
			}
		}
		lists[i] = l
	}
	return lists
}

// dim is one of the three loops over pixels: how many there are, and their
// distances in A and in C.
type dim struct{ n, a, c int }

// dims are the loops over the pixels of a phase. Groups are formed along the
// last one: columns, or images if that leaves fewer groups.
func (t *plan) dims(ph phase, images, rows int) (image, row, column dim) {
	image = dim{images, t.imageStep, t.outH * t.outW * t.o}
	row = dim{rows, ph.v.step * t.rowStep, ph.v.stride * t.outW * t.o}
	column = dim{ph.h.count, ph.h.step * t.c, ph.h.stride * t.o}
	if ceil(image.n, t.kernel.Rows)*column.n < image.n*ceil(column.n, t.kernel.Rows) {
		image, column = column, image
	}
	return image, row, column
}

// beyond is how many floats after the last pixel are read to fill up groups.
func (t *plan) beyond(lists []list) (n int) {
	for _, l := range lists {
		if len(l.rest) > 0 {
			n = max(n, (t.kernel.Rows-l.restRows)*l.aRow)
		}
	}
	return n
}
