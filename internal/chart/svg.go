package chart

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// family is the fonts that an SVG asks for: those that most systems have and that
// are about as wide as the Go fonts.
const family = `-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif`

// SVG writes c as a file of its own, with a background that is light or dark as
// the reader's system is.
func SVG(w io.Writer, c Chart) error {
	b, err := svg(c, false, `<style>svg{color:#1f2328;background:#fff}@media(prefers-color-scheme:dark){svg{color:#e6edf3;background:#0d1117}}</style>`)
	if err == nil {
		_, err = w.Write(b)
	}
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	return nil
}

// Inline returns c as an element to stand in a page, without a background and in
// the colour of the text about it. It is as wide as its place allows, at most its
// own width, and at least three quarters of that, so that its text can be read: in
// a narrow place it wants to be scrolled.
func Inline(c Chart) (string, error) {
	b, err := svg(c, true, "")
	if err != nil {
		return "", fmt.Errorf("chart: %w", err)
	}
	return string(b), nil
}

func svg(c Chart, inline bool, style string) ([]byte, error) {
	f, err := newFonts()
	if err != nil {
		return nil, err
	}
	s, err := c.draw(f)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" width="%s" height="%s" viewBox="0 0 %[2]s %[3]s" font-family="%s"`,
		escape(s.title), px(s.w), px(s.h), family)
	if inline {
		fmt.Fprintf(&b, ` style="min-width:%spx;max-width:100%%;height:auto"`, px(s.w*3/4))
	}
	b.WriteByte('>')
	b.WriteString(style)
	b.WriteByte('\n')
	for _, o := range s.ops {
		o.svg(&b)
	}
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

func (o *op) svg(b *bytes.Buffer) {
	colour := "currentColor"
	if !o.paint.ink {
		colour = fmt.Sprintf("#%02x%02x%02x", o.paint.rgb.R, o.paint.rgb.G, o.paint.rgb.B)
	}
	opacity := ""
	if o.paint.alpha < 1 {
		opacity = fmt.Sprintf(` opacity="%s"`, px(o.paint.alpha))
	}
	switch {
	case o.text != "":
		fmt.Fprintf(b, `<text x="%s" y="%s" font-size="%s" fill="%s"%s`, px(o.at.x), px(o.at.y), px(o.size), colour, opacity)
		if o.anchor != start {
			fmt.Fprintf(b, ` text-anchor="%s"`, map[float64]string{middle: "middle", end: "end"}[o.anchor])
		}
		if o.bold {
			b.WriteString(` font-weight="600"`)
		}
		if o.turned != 0 {
			fmt.Fprintf(b, ` transform="rotate(%s %s %s)"`, px(o.turned), px(o.at.x), px(o.at.y))
		}
		fmt.Fprintf(b, ">%s</text>\n", escape(o.text))
	case o.fill != nil:
		fmt.Fprintf(b, `<path fill="%s"%s d="%s"/>`+"\n", colour, opacity, path(o.fill, "z"))
	default:
		fmt.Fprintf(b, `<path fill="none" stroke="%s"%s stroke-width="%s" stroke-linejoin="round"`, colour, opacity, px(o.width))
		if o.dash > 0 {
			fmt.Fprintf(b, ` stroke-dasharray="%s"`, px(o.dash))
		}
		fmt.Fprintf(b, ` d="%s"/>`+"\n", path(o.lines, ""))
	}
}

func path(lists [][]point, end string) string {
	var b strings.Builder
	for _, l := range lists {
		if end != "" && len(l) == 4 && l[0].y == l[1].y && l[1].x == l[2].x && l[2].y == l[3].y && l[3].x == l[0].x {
			fmt.Fprintf(&b, "M%s %sH%sV%sH%[1]sz", px(l[0].x), px(l[0].y), px(l[2].x), px(l[2].y))
			continue
		}
		for i, p := range l {
			b.WriteByte("ML"[min(i, 1)])
			b.WriteString(px(p.x))
			b.WriteByte(' ')
			b.WriteString(px(p.y))
		}
		b.WriteString(end)
	}
	return b.String()
}

// px writes a length in hundredths.
func px(v float64) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// escape makes a text safe in an element and in a quoted attribute; what XML can't
// hold becomes U+FFFD.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0xfffe || r == 0xffff {
			return 0xfffd
		}
		return r
	}, s)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s)
}
