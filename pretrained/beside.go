package pretrained

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// The files that may say how images are prepared, beside a network: our own, named after it; the one of Hugging Face's
// models; and the one of timm's. The first that is there is taken.
const (
	ownSuffix       = ".json"
	huggingFaceFile = "preprocessor_config.json"
	timmFile        = "config.json"
)

// beside reads what stands beside a file: the text of a Preprocess, and where it is from; both are empty if nothing does.
func beside(path string) (text, from string, err error) {
	for _, f := range []struct {
		path string
		read func([]byte) (string, error)
	}{
		{path + ownSuffix, readOwn},
		{filepath.Join(filepath.Dir(path), huggingFaceFile), readHuggingFace},
		{filepath.Join(filepath.Dir(path), timmFile), readTimm},
	} {
		b, err := os.ReadFile(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			text, err = f.read(b)
		}
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", f.path, err)
		}
		if text != "" {
			return text, f.path, nil
		}
	}
	return "", "", nil
}

// readOwn reads an object of the keys of a Preprocess's text, e.g. {"size": 224, "mean": [0.5, 0.5, 0.5]}.
func readOwn(b []byte) (string, error) {
	var object map[string]any
	if err := json.Unmarshal(b, &object); err != nil {
		return "", err
	}
	var parts []string
	for _, s := range settings { // size before resize
		if v, ok := object[s.key]; ok {
			parts = append(parts, s.key+"="+plain(v))
			delete(object, s.key)
		}
	}
	for key := range object {
		parts = append(parts, key) // which Overlay refuses
	}
	return strings.Join(parts, " "), nil
}

// plain is a JSON value as text: a list without brackets.
func plain(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	var parts []string
	for _, x := range list {
		parts = append(parts, fmt.Sprint(x))
	}
	return strings.Join(parts, ",")
}

// readHuggingFace reads the settings of a transformers image processor.
func readHuggingFace(b []byte) (string, error) {
	var c struct {
		DoResize     *bool           `json:"do_resize"`
		Size         json.RawMessage `json:"size"`
		DoCenterCrop *bool           `json:"do_center_crop"`
		CropSize     json.RawMessage `json:"crop_size"`
		CropPct      float64         `json:"crop_pct"`
		Resample     *int            `json:"resample"`
		DoRescale    *bool           `json:"do_rescale"`
		DoNormalize  *bool           `json:"do_normalize"`
		Mean         []float64       `json:"image_mean"`
		Std          []float64       `json:"image_std"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return "", err
	}
	resize, shape, err := sizeOf(c.Size)
	if err != nil || resize == 0 {
		return "", err
	}
	crop, _, err := sizeOf(c.CropSize)
	if err != nil {
		return "", err
	}
	size := resize
	crops := crop > 0 && (c.DoCenterCrop == nil || *c.DoCenterCrop)
	squash := shape == ofBoth || shape == ofEither && !crops
	switch {
	case crops:
		size = crop
	case c.CropPct > 0 && c.CropPct <= 1 && shape != ofBoth: // ConvNeXt's, which crops small images alone
		const warped = 384
		if squash = size >= warped; !squash {
			resize = int(float64(size) / c.CropPct)
		}
	}
	if c.DoResize != nil && !*c.DoResize {
		resize = size
	}
	parts := []string{fmt.Sprintf("size=%d resize=%d shape=%s", size, max(size, resize), choice(squash, "crop", "squash"))}
	if c.Resample != nil {
		name, ok := map[int]string{2: "bilinear", 3: "bicubic"}[*c.Resample]
		if !ok {
			return "", fmt.Errorf("resample %d is not known; 2 (bilinear) and 3 (bicubic) are: --preprocess overrides it", *c.Resample)
		}
		parts = append(parts, "interpolation="+name)
	}
	if c.DoRescale != nil && !*c.DoRescale {
		parts = append(parts, "range=255")
	}
	mean, std := c.Mean, c.Std
	if c.DoNormalize != nil && !*c.DoNormalize {
		mean, std = []float64{0}, []float64{1}
	}
	return strings.Join(append(parts, ofList("mean", mean)+ofList("std", std)), " "), nil
}

// What a size is of: of the shorter side, of both, or, as older files have it, of both unless the middle is cut out.
const (
	ofShorter = iota
	ofBoth
	ofEither
)

// sizeOf reads a size: {"shortest_edge": n}, {"height": n, "width": n} or a number; 0 where there is none.
func sizeOf(b json.RawMessage) (side, shape int, err error) {
	if len(b) == 0 || string(b) == "null" {
		return 0, 0, nil
	}
	if json.Unmarshal(b, &side) == nil {
		return side, ofEither, nil
	}
	var s struct {
		Shorter int `json:"shortest_edge"`
		Height  int `json:"height"`
		Width   int `json:"width"`
	}
	if err := json.Unmarshal(b, &s); err != nil || s.Height != s.Width {
		return 0, 0, fmt.Errorf("the size %s is not known; want square images", b)
	}
	if s.Shorter > 0 {
		return s.Shorter, ofShorter, nil
	}
	return s.Height, ofBoth, nil
}

// readTimm reads the settings of a timm model; nothing of a config.json of others.
func readTimm(b []byte) (string, error) {
	type settings struct {
		InputSize     []int     `json:"input_size"`
		CropPct       float64   `json:"crop_pct"`
		CropMode      string    `json:"crop_mode"`
		Interpolation string    `json:"interpolation"`
		Mean          []float64 `json:"mean"`
		Std           []float64 `json:"std"`
	}
	var c struct {
		settings
		Pretrained *settings `json:"pretrained_cfg"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return "", err
	}
	s := c.settings
	if c.Pretrained != nil {
		s = *c.Pretrained
	}
	if len(s.InputSize) != 3 {
		return "", nil
	}
	if s.InputSize[1] != s.InputSize[2] {
		return "", fmt.Errorf("input_size %v is not known; want square images", s.InputSize)
	}
	resize := s.InputSize[1]
	if s.CropPct > 0 && s.CropPct <= 1 {
		resize = int(math.Floor(float64(resize) / s.CropPct))
	}
	parts := []string{fmt.Sprintf("size=%d resize=%d shape=%s", s.InputSize[1], resize, choice(s.CropMode == "squash", "crop", "squash"))}
	if s.Interpolation != "" {
		parts = append(parts, "interpolation="+s.Interpolation)
	}
	return strings.Join(append(parts, ofList("mean", s.Mean)+ofList("std", s.Std)), " "), nil
}

// ofList is a key with the numbers of a list, or nothing.
func ofList(key string, list []float64) string {
	if len(list) == 0 {
		return ""
	}
	var parts []string
	for _, v := range list {
		parts = append(parts, number(v))
	}
	return key + "=" + strings.Join(parts, ",") + " "
}
