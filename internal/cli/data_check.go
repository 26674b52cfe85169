package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"alike/dataset"
	"alike/dataset/doctor"
	"alike/internal/atomicfile"
)

func (a *app) dataCheck() *cobra.Command {
	c := &cobra.Command{
		Use:   "check SPEC",
		Short: "Look for what is wrong with image data: bad files, copies, leaks, outliers",
		Long: `Look at all images of a SPEC and report what may spoil a training or a score:

  - files that cannot be read, with the reason;
  - copies, exact ones and near ones: scaled, saved anew, moved by a little,
    mirrored, brighter or darker; in one class, in two (one label is wrong), and
    in a training and a test split (a leak: the score is too good);
  - classes with few images;
  - images that are nearly one colour, unlike the others in size or shape, or
    gray among coloured ones.

The page of --out shows them. Of data with a training and a test split, a list of
the leaked test images is written too, which 'alike eval ... --exclude' takes.
Findings are no failure: the exit status is 0 unless nothing can be read.`,
		Example: `  alike data check photos/
  alike data check cifar-10-binary.tar.gz --out cifar.html
  alike eval knn runs/simclr-resnet8 --data cifar-10-binary.tar.gz --exclude leaked.txt
  alike data check photos/ --json --out "" > findings.json`,
		Args: exactly("a SPEC"),
	}
	data := dataFlags{maxBad: 1}
	data.addClasses(c)
	asJSON := jsonFlag(c)
	out := c.Flags().String("out", "check.html", `page to write; "" for none`)
	list := c.Flags().String("leaked", "leaked.txt", `list of leaked test images to write, beside the page unless it names a folder; "" for none`)
	pictures := c.Flags().Int("pictures", 60, "pairs or images that each part of the page shows at most")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *pictures < 1 {
			return misuse("--pictures %d: must be at least 1", *pictures)
		}
		data.spec = args[0]
		s, err := dataset.Open(c.Context(), data.spec, dataset.Options{MaxBad: data.maxBad, Stdin: a.stdin, Unchecked: true})
		if err == nil && data.classes != "" {
			s, err = s.OfClasses(data.classes)
		}
		if err != nil {
			return err
		}
		total := s.Len()
		bar := a.progress("looking at images", total)
		f, err := doctor.Check(c.Context(), s, func(done int) { bar.at(done, fmt.Sprintf("of %d", total)) })
		bar.done()
		if err != nil {
			return err
		}
		if *list != "" && filepath.Base(*list) == *list {
			*list = filepath.Join(filepath.Dir(*out), *list)
		}
		if !isSplit(f) {
			*list = ""
		}
		if err := writeCheck(s, f, *out, *list, *pictures); err != nil {
			return err
		}
		if *asJSON {
			return a.printJSON(struct {
				Spec       string `json:"spec"`
				Format     string `json:"format"`
				Page       string `json:"page,omitempty"`
				LeakedFile string `json:"leaked_file,omitempty"`
				*doctor.Findings
			}{s.Spec, s.Format, *out, *list, f})
		}
		a.printCheck(s, f, *out, *list)
		return nil
	}
	return c
}

// isSplit says whether there are images to train on and others to test on.
func isSplit(f *doctor.Findings) bool {
	return trainingImages(f) > 0 && trainingImages(f) < allImages(f)
}

func allImages(f *doctor.Findings) (n int) {
	for _, images := range f.Images {
		n += images
	}
	return n
}

func trainingImages(f *doctor.Findings) (n int) {
	for split, images := range f.Images {
		if doctor.Training(split) {
			n += images
		}
	}
	return n
}

// writeCheck writes the page and the list, where they are wanted.
func writeCheck(s *dataset.Source, f *doctor.Findings, page, list string, pictures int) error {
	var files []atomicfile.File
	if page != "" {
		report, err := checkPage(s, f, list, pictures)
		if err != nil {
			return err
		}
		files = append(files, atomicfile.File{Path: page, Write: report.Write})
	}
	if list != "" {
		files = append(files, atomicfile.File{Path: list, Write: func(w io.Writer) error {
			for _, r := range f.Leaked {
				if _, err := fmt.Fprintln(w, r.ID); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	return atomicfile.WriteAll(files...)
}

// printCheck says what was found, in short.
func (a *app) printCheck(s *dataset.Source, f *doctor.Findings, page, list string) {
	fmt.Fprintf(a.stdout, "%s: %s; checked in %.1f s\n", s.Spec, howMuch(s, f), f.Seconds)
	for _, t := range tallies(f) {
		fmt.Fprintf(a.stdout, "  %8d  %s\n", t.count, t.label)
	}
	for _, sentence := range advice(f, list) {
		fmt.Fprintln(a.stdout, sentence)
	}
	if page != "" {
		fmt.Fprintf(a.stdout, "%s shows them\n", page)
	}
}

// howMuch says how much was looked at.
func howMuch(s *dataset.Source, f *doctor.Findings) string {
	text := fmt.Sprintf("%d images", allImages(f))
	if f.Classes > 0 {
		text += fmt.Sprintf(" of %d classes", f.Classes)
	}
	var parts []string
	for _, split := range sortedSplits(s) {
		if split != dataset.All {
			parts = append(parts, fmt.Sprintf("%s %d", split, f.Images[split]))
		}
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	if s.Classes != "" {
		text += ", classes " + s.Classes
	}
	return text
}

// tally is how often something was found.
type tally struct {
	count         int
	label, anchor string
	alarm         bool // spoils results
}

// tallies counts what was found.
func tallies(f *doctor.Findings) []tally {
	count := func(is func(doctor.Duplicate) bool) (n int) {
		for _, d := range f.Duplicates {
			if is(d) {
				n++
			}
		}
		return n
	}
	kinds := map[string]int{}
	for _, o := range f.Outliers {
		kinds[o.Kind]++
	}
	list := []tally{
		{len(f.BadFiles), "files cannot be read", "bad", true},
		{len(f.Leaked), "test images are in the training too", "leaks", true},
		{count(func(d doctor.Duplicate) bool { return d.Conflict }), "pairs of copies in two classes", "conflicts", true},
		{count(func(d doctor.Duplicate) bool { return d.Exact }), "exact copies", "copies", false},
		{count(func(d doctor.Duplicate) bool { return !d.Exact }), "pairs of near copies", "copies", false},
		{len(f.SmallClasses), "classes with few images", "classes", false},
		{kinds[doctor.Blank], "images nearly of one colour", doctor.Blank, false},
		{kinds[doctor.Size] + kinds[doctor.Shape], "images of an odd size or shape", doctor.Size, false},
		{kinds[doctor.Gray], "gray images among coloured ones", doctor.Gray, false},
	}
	if n := kinds[doctor.Colour]; n > 0 {
		list[len(list)-1] = tally{n, "coloured images among gray ones", doctor.Colour, false}
	}
	if !isSplit(f) {
		list = slices.Delete(list, 1, 2)
	}
	return list
}

// advice says what to do, in the order of harm.
func advice(f *doctor.Findings, list string) (sentences []string) {
	say := func(format string, args ...any) { sentences = append(sentences, fmt.Sprintf(format, args...)) }
	conflicts := slices.ContainsFunc(f.Duplicates, func(d doctor.Duplicate) bool { return d.Conflict })
	copies := slices.ContainsFunc(f.Duplicates, func(d doctor.Duplicate) bool { return !d.Leak && !d.Conflict })
	if n := len(f.BadFiles); n > 0 {
		say("%s cannot be read: repair, download again or remove %s.", counted(n, "file"), them(n))
	}
	if n := len(f.Leaked); n > 0 {
		test := allImages(f) - trainingImages(f)
		say("%d of %s (%.1f %%) are in the training too, so a score may be too good.", n, counted(test, "test image"), 100*float64(n)/float64(test))
		if list != "" {
			say("%s lists them: alike eval knn RUN --exclude %s measures without them and says what that changes.", list, list)
		}
	}
	if conflicts {
		say("Copies with two labels teach contradictions: look at the pairs and correct the label that is wrong.")
	}
	if copies {
		say("Copies within a class weigh more than other images: keep one of each unless that is what you want.")
	}
	if n := len(f.SmallClasses); n > 0 {
		say("%s few images: collect more, merge them or leave them out with --classes.", map[bool]string{true: "A class has", false: counted(n, "class") + " have"}[n == 1])
	}
	if n := len(f.Outliers); n > 0 {
		say("%s unlike the others: look whether they belong there.", map[bool]string{true: "An image is", false: counted(n, "image") + " are"}[n == 1])
	}
	if len(sentences) == 0 {
		say("Nothing was found that needs a hand.")
	}
	return sentences
}

func them(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n != 1 {
		noun += map[bool]string{true: "es", false: "s"}[strings.HasSuffix(noun, "s")]
	}
	return fmt.Sprintf("%d %s", n, noun)
}
