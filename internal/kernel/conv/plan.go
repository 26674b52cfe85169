package conv

import "alike/internal/kernel/tile"

// What a task works on should stay in a level 2 cache of 1 MB.
const (
	imageFloats = 128 << 10 // of x, with its border
	panelFloats = 80 << 10  // of weights, read again for each tile of y
	taskPixels  = 1024      // of y: many for each time that weights are read
	minTasks    = 16        // that even a small batch is cut into
	partColumns = 64        // of y: what it takes to be worth a copy of x
)

// plan is a sweep cut into tasks: groups of images, bands of their rows, and
// parts of the columns of y. Shapes alone decide on it.
type plan struct {
	*sweep
	kernel tile.Kernel
	panels int // of kernel.Width columns of y

	count, step           int // the rows of the largest phase, and their distance in x
	images, rows, columns int // of a task; columns in panels
	groups, bands, parts  int // how many there are

	window
	direct             bool // x is used where it lies, not copied with its border
	imageStep, rowStep int  // distances in x or in the copy
	lists              []list
}

// window is what a band needs of x: the rows from top on, for the first band,
// and the columns from left on.
type window struct{ top, left, height, width int }

func newPlan(g *sweep, kernel tile.Kernel) *plan {
	t := &plan{sweep: g, kernel: kernel, panels: ceil(g.o, kernel.Width)}
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
		t.count, t.step, pixels = max(t.count, ph.v.count), ph.v.step, max(pixels, ph.v.count*ph.h.count)
	}
	t.images, t.rows = 1, t.count
	if pixels > taskPixels {
		t.rows = max(1, t.rows*taskPixels/pixels)
	}
	t.window = t.windowOf(t.rows)
	if t.rows == t.count {
		image := max(1, t.height*t.width*t.c)
		t.images = max(1, min(taskPixels/pixels, imageFloats/image, t.n/minTasks))
		if t.images > 3 {
			t.images -= t.images % 3 // so that few pixels make whole tiles
		}
	}
	t.groups, t.bands = ceil(t.n, t.images), ceil(t.count, t.rows)
	t.columns = t.panels
	if tasks := t.groups * t.bands; tasks < minTasks {
		t.columns = max(ceil(t.panels, ceil(minTasks, tasks)), ceil(partColumns, t.kernel.Width))
	}
	t.parts = ceil(t.panels, t.columns)
}

// windowOf is what the first rows outputs of each phase need.
func (t *plan) windowOf(rows int) (w window) {
	first := true
	var bottom, right int
	for _, ph := range t.phases {
		v, h := ph.v, ph.h
		if v.taps*h.taps*v.count*h.count == 0 {
			continue
		}
		top, left := v.from, h.from
		end, side := v.from+(min(rows, v.count)-1)*v.step+v.taps, h.from+(h.count-1)*h.step+h.taps
		if first {
			w.top, w.left, bottom, right, first = top, left, end, side, false
		}
		w.top, w.left, bottom, right = min(w.top, top), min(w.left, left), max(bottom, end), max(right, side)
	}
	w.height, w.width = bottom-w.top, right-w.left
	return w
}

// isDirect says whether nothing outside x is needed, not even to fill up groups.
func (t *plan) isDirect() bool {
	for _, ph := range t.phases {
		if ph.h.count%t.kernel.Rows != 0 {
			return false
		}
	}
	all := t.windowOf(t.outH)
	return all.top >= 0 && all.left >= 0 && all.top+all.height <= t.h && all.left+all.width <= t.w
}

// list is where the groups of pixels of a task begin. Pixels of a group are
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
		lists[i] = t.listPhase(ph, images, max(0, min(t.rows, ph.v.count-row)))
	}
	return lists
}

func (t *plan) listPhase(ph phase, images, rows int) (l list) {
	type dim struct{ n, a, c int }
	var (
		each   = t.kernel.Rows
		image  = dim{images, t.imageStep, t.outH * t.outW * t.o}
		row    = dim{rows, ph.v.step * t.rowStep, ph.v.stride * t.outW * t.o}
		column = dim{ph.h.count, ph.h.step * t.c, ph.h.stride * t.o}
	)
	if ceil(images, each)*column.n < images*ceil(column.n, each) {
		image, column = column, image
	}
	l.restRows, l.aRow, l.cRow = column.n%each, column.a, column.c
	for i := range image.n {
		for j := range row.n {
			for k := 0; k < column.n; k += each {
				g := tile.Group{A: i*image.a + j*row.a + k*column.a, C: i*image.c + j*row.c + k*column.c}
				if k+each <= column.n {
					l.whole = append(l.whole, g)
				} else {
					l.rest = append(l.rest, g)
				}
			}
		}
	}
	return l
}

// beyond is how many floats after the last pixel are read to fill up groups.
func beyond(lists []list) (n int) {
	for _, l := range lists {
		if len(l.rest) > 0 {
			n = max(n, (4-l.restRows)*l.aRow)
		}
	}
	return n
}
