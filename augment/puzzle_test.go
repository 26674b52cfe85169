package augment

import (
	"slices"
	"strings"
	"testing"

	"alike/dataset"
)

// colourful are images whose pixels all differ.
func colourful(n, size int) *dataset.Memory {
	m := &dataset.Memory{Title: "colourful"}
	for i := range n {
		img := dataset.Image{Width: size, Height: size, Pix: make([]uint8, 3*size*size)}
		for p := range img.Pix {
			img.Pix[p] = uint8(p*7 + i*31)
		}
		m.Images = append(m.Images, img)
	}
	return m
}

func TestPuzzleDoesWhatItsLabelSays(t *testing.T) {
	const n, size = 400, 8
	plain := colourful(n, size)
	for _, of := range Puzzles() {
		p, err := Puzzle(plain, of, size)
		if err != nil {
			t.Fatal(err)
		}
		count := make([]int, len(p.Classes()))
		for i := range n {
			label := p.Label(i)
			count[label]++
			img, err := p.Image(i)
			if err != nil {
				t.Fatal(err)
			}
			want := plain.Images[i]
			if of == "rotate" {
				for range (4 - label) % 4 {
					img = turned(img)
				}
				label = 0
			}
			if same := slices.Equal(img.Pix, want.Pix); same != (label == 0) {
				t.Fatalf("%s: image %d with label %d is the plain one: %v", of, i, p.Label(i), same)
			}
			for k := 0; of == "gray" && label == 1 && k < len(img.Pix); k += 3 {
				if img.Pix[k] != img.Pix[k+1] || img.Pix[k] != img.Pix[k+2] {
					t.Fatalf("image %d is not gray: %v", i, img.Pix[k:k+3])
				}
			}
		}
		for label, c := range count {
			if each := n / len(count); c < each*3/4 || c > each*5/4 {
				t.Errorf("%s: %d of %d images have label %d", of, c, n, label)
			}
		}
	}
}

func TestAQuarterTurnIsToTheLeft(t *testing.T) {
	img := dataset.Image{Width: 2, Height: 2, Pix: []uint8{1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4}} // 1 2 / 3 4
	if got, want := turned(img).Pix, []uint8{2, 2, 2, 4, 4, 4, 1, 1, 1, 3, 3, 3}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestPuzzleNamesWhatThereIs(t *testing.T) {
	if _, err := Puzzle(colourful(1, 4), "blur", 4); err == nil || !strings.Contains(err.Error(), "have gray, noise, rotate, sobel") {
		t.Error(err)
	}
	if _, err := Puzzle(colourful(1, 4), "gray", 0); err == nil {
		t.Error("no images, no error")
	}
}
