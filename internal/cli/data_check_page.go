package cli

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/image/draw"

	"alike/dataset"
	"alike/dataset/doctor"
	"alike/report"
)

// Sizes of pictures on the page, in pixels.
const (
	crispSide = 64  // up to it an image is shown as it is
	shownSide = 200 // larger ones are scaled down to it
)

func sortedSplits(s *dataset.Source) []string { return slices.Sorted(maps.Keys(s.Splits)) }

// pageWriter makes the parts of the page.
type pageWriter struct {
	source *dataset.Source
	most   int // pairs or images of a part
	err    error
}

// checkPage makes the page about a data set.
func checkPage(s *dataset.Source, f *doctor.Findings, list string, pictures int) (*report.Check, error) {
	w := &pageWriter{source: s, most: pictures}
	page := &report.Check{Title: "Check of " + filepath.Base(s.Spec), Data: s.Spec + ": " + howMuch(s, f), Advice: advice(f, list), Method: doctor.Method()}
	for _, t := range tallies(f) {
		tile := report.Tile{Count: strconv.Itoa(t.count), Label: t.label}
		if t.count > 0 {
			tile.Section, tile.Alarm = t.anchor, t.alarm
		}
		page.Tiles = append(page.Tiles, tile)
	}
	add := func(sections ...report.Section) {
		for _, section := range sections {
			if len(section.Pairs)+len(section.Shots)+len(section.Table) > 0 {
				page.Sections = append(page.Sections, section)
			}
		}
	}
	add(w.badFiles(f.BadFiles),
		w.pairs("leaks", "Test images that are in the training too", "Left: the image that is trained on. Right: the one that is to test what was learned.",
			f.Duplicates, func(d doctor.Duplicate) bool { return d.Leak }),
		w.pairs("conflicts", "Copies in two classes", "One of the labels is wrong, or the classes overlap. Correct the label, or remove one of the two.",
			f.Duplicates, func(d doctor.Duplicate) bool { return d.Conflict }),
		w.pairs("copies", "Other copies", "Images that show the same and have the same label or none, on one side of the split.",
			f.Duplicates, func(d doctor.Duplicate) bool { return !d.Leak && !d.Conflict }),
		smallClassTable(f.SmallClasses),
		w.outliers(doctor.Blank, "Nearly of one colour", "There is hardly anything to see in them: often placeholders of lost images.", f.Outliers, doctor.Blank),
		w.outliers(doctor.Size, "Odd sizes and shapes", "Icons among photographs, panoramas, strips that were cut badly.", f.Outliers, doctor.Size, doctor.Shape),
		w.outliers(doctor.Gray, "Gray among coloured", "Often scans or drawings. Views that change colours do nothing to them, and having none may give a class away.", f.Outliers, doctor.Gray),
		w.outliers(doctor.Colour, "Coloured among gray", "The colours may give away what the shapes should.", f.Outliers, doctor.Colour))
	return page, w.err
}

// pairs shows those that bring an image that was not shown yet, the surest first.
func (w *pageWriter) pairs(id, title, advice string, all []doctor.Duplicate, is func(doctor.Duplicate) bool) report.Section {
	section := report.Section{ID: id, Title: title, Advice: advice}
	type name struct{ split, id string }
	shown := map[name]bool{}
	var fresh []doctor.Duplicate
	total := 0
	for _, d := range all {
		if !is(d) {
			continue
		}
		total++
		a, b := name{d.A.Split, d.A.ID}, name{d.B.Split, d.B.ID}
		if !shown[b] || !d.Leak && !shown[a] {
			fresh = append(fresh, d)
		}
		shown[a], shown[b] = true, true
	}
	if len(fresh) > w.most { // also some that are less sure
		sure := w.most - w.most/4
		fresh = slices.Concat(fresh[:sure], fresh[len(fresh)-w.most/4:])
		section.Advice += fmt.Sprintf(" The first %d are the surest, the others the least sure.", sure)
	}
	for _, d := range fresh {
		section.Pairs = append(section.Pairs, report.Pair{A: w.shot(d.A), B: w.shot(d.B), Badges: badges(d)})
	}
	if n := total - len(fresh); n > 0 {
		section.More = fmt.Sprintf("%d of %d pairs are shown; --json lists all.", len(fresh), total)
	}
	return section
}

// badges say what is known of a pair.
func badges(d doctor.Duplicate) (list []report.Badge) {
	if d.Exact {
		list = append(list, report.Badge{Text: "the same pixels"})
	} else {
		list = append(list, report.Badge{Text: fmt.Sprintf("correlation %.2f", d.Correlation)},
			report.Badge{Text: fmt.Sprintf("details %.2f", d.Detail)},
			report.Badge{Text: fmt.Sprintf("hash distance %d of 64", d.Distance)})
	}
	if d.Mirrored {
		list = append(list, report.Badge{Text: "mirrored"})
	}
	if d.Conflict {
		list = append(list, report.Badge{Text: "two labels", Alarm: true})
	}
	if d.Leak {
		list = append(list, report.Badge{Text: "leak", Alarm: true})
	}
	return list
}

func (w *pageWriter) outliers(id, title, advice string, all []doctor.Outlier, kinds ...string) report.Section {
	section := report.Section{ID: id, Title: title, Advice: advice}
	total := 0
	for _, o := range all {
		if !slices.Contains(kinds, o.Kind) {
			continue
		}
		if total++; total <= w.most {
			s := w.shot(o.Ref)
			s.Detail = o.Detail
			section.Shots = append(section.Shots, s)
		}
	}
	if total > w.most {
		section.More = fmt.Sprintf("%d of %d are shown; --json lists all.", w.most, total)
	}
	return section
}

// shot is the picture of an image.
func (w *pageWriter) shot(r doctor.Ref) report.Shot {
	s := report.Shot{ID: r.ID, Class: r.Class, Split: r.Split, Type: "png"}
	if r.Split == dataset.All {
		s.Split = ""
	}
	m, err := w.source.Splits[r.Split].Image(r.Index)
	if err != nil { // it could be read a moment ago
		w.err = fmt.Errorf("image %s: %w", r.ID, err)
		return s
	}
	var file bytes.Buffer
	if max(m.Width, m.Height) <= crispSide {
		s.Crisp = true
		err = png.Encode(&file, m.RGBA())
	} else {
		s.Type = "jpeg"
		err = jpeg.Encode(&file, smaller(m.RGBA()), &jpeg.Options{Quality: 85})
	}
	if err != nil {
		w.err = err
	}
	s.File = file.Bytes()
	return s
}

// smaller scales an image down so that its sides are at most shownSide.
func smaller(m *image.RGBA) *image.RGBA {
	width, height := m.Rect.Dx(), m.Rect.Dy()
	long := max(width, height)
	if long <= shownSide {
		return m
	}
	out := image.NewRGBA(image.Rect(0, 0, max(1, width*shownSide/long), max(1, height*shownSide/long)))
	draw.CatmullRom.Scale(out, out.Rect, m, m.Rect, draw.Src, nil)
	return out
}

// maxRows is the number of rows of a table on the page.
const maxRows = 200

func (w *pageWriter) badFiles(files []doctor.Bad) report.Section {
	rows := make([][]string, len(files))
	for i, b := range files {
		rows[i] = []string{b.Name, b.Reason}
	}
	return tableOf("bad", "Files that cannot be read", "They are skipped in training. Repair, download again or remove them.", rows, "file", "reason")
}

func smallClassTable(classes []doctor.SmallClass) report.Section {
	rows := make([][]string, len(classes))
	for i, c := range classes {
		rows[i] = []string{c.Class, c.Split, strconv.Itoa(c.Images), strconv.Itoa(c.Median)}
	}
	return tableOf("classes", "Classes with few images", "Fewer than two, or than a tenth of the median class. Two images are the least that can be a positive pair.", rows, "class", "split", "images", "median class")
}

// tableOf is a section with a table, or an empty one without rows.
func tableOf(id, title, advice string, rows [][]string, header ...string) report.Section {
	section := report.Section{ID: id, Title: title, Advice: advice}
	if len(rows) == 0 {
		return section
	}
	if len(rows) > maxRows {
		section.More = fmt.Sprintf("%d of %d are shown; --json lists all.", maxRows, len(rows))
		rows = rows[:maxRows]
	}
	section.Table = append([][]string{header}, rows...)
	return section
}
