package settings

// builtinThemes come with the program, in the order in which they are listed; the first one is the default. In each,
// text has a contrast of 4.5:1 at least, of 7:1 (WCAG 2.2, success criterion 1.4.6, level AAA) where the name says so.
//
// A palette is primary, on_primary, secondary, background, surface, on_surface, muted, border, accent, success, warning,
// danger.
var builtinThemes = []themeOut{
	{ID: "portico", Label: "Portico", IsBuiltin: true, Colors: colors{
		Light: palette{"#4c4cca", "#ffffff", "#546481", "#f7f9fd", "#ffffff", "#212637", "#616676", "#d3d7e2", "#8d4bc9", "#037351", "#986700", "#a7032a"},
		Dark:  palette{"#9ba5f8", "#0f102a", "#9ba9c2", "#0f121d", "#1a1d2b", "#e4e6ed", "#9ca1ae", "#333846", "#cfa1f8", "#5bd69c", "#feca5a", "#f86e6b"},
	}},
	{ID: "forest", Label: "Forest", IsBuiltin: true, Colors: colors{
		Light: palette{"#016732", "#ffffff", "#5a6842", "#f5f9f3", "#fdfefc", "#1b291b", "#5c695c", "#cfd8cf", "#027493", "#037351", "#966604", "#a60129"},
		Dark:  palette{"#5dbf76", "#011a07", "#9faf86", "#0c150f", "#16211a", "#e3e9e4", "#98a49a", "#2f3c31", "#5fc1de", "#5cd89d", "#ffcb5c", "#f96f6b"},
	}},
	{ID: "terracotta", Label: "Terracotta", IsBuiltin: true, Colors: colors{
		Light: palette{"#a33806", "#ffffff", "#7b5c3e", "#fcf5ec", "#fefdfa", "#312115", "#716257", "#ddd3cb", "#05757a", "#017250", "#966502", "#a40229"},
		Dark:  palette{"#ed976a", "#250b01", "#c3a481", "#19120e", "#271d18", "#eee7e2", "#ad9f97", "#44362d", "#65c4c3", "#5cd89d", "#ffcc5f", "#fa706c"},
	}},
	{ID: "ocean", Label: "Ocean", IsBuiltin: true, Colors: colors{
		Light: palette{"#026292", "#ffffff", "#366b78", "#f1fafc", "#ffffff", "#132932", "#566971", "#ccd9df", "#077874", "#037351", "#976705", "#a60129"},
		Dark:  palette{"#45b8e5", "#011720", "#85b0be", "#06141e", "#0d212d", "#e1e9ed", "#95a4ab", "#2b3b43", "#4dc8ba", "#5cd89d", "#ffcc5f", "#f96f6b"},
	}},
	{ID: "graphite", Label: "Graphite", IsBuiltin: true, Colors: colors{
		Light: palette{"#374251", "#ffffff", "#5e636a", "#f6f7f8", "#ffffff", "#22262a", "#626569", "#d3d6d9", "#006fb0", "#017250", "#966604", "#a40229"},
		Dark:  palette{"#c1cedd", "#0b151f", "#a2a8ae", "#0f1112", "#1b1d1e", "#e4e5e7", "#9da0a3", "#34383b", "#6cbbf1", "#5ad69b", "#fdc95a", "#f76d69"},
	}},
	{ID: "plum", Label: "Plum", IsBuiltin: true, Colors: colors{
		Light: palette{"#9c3084", "#ffffff", "#6f5b7f", "#fbf6fa", "#ffffff", "#30212e", "#70616e", "#ddd3dc", "#685acb", "#037351", "#966604", "#a60028"},
		Dark:  palette{"#e68eca", "#22091b", "#b6a0c7", "#180f19", "#261a27", "#ebe5eb", "#a99ea9", "#413541", "#b6a9fe", "#5bd79c", "#fecb5b", "#f86e6b"},
	}},
	{ID: "high-contrast", Label: "High Contrast", IsBuiltin: true, Colors: colors{
		Light: palette{"#0a36b2", "#ffffff", "#334660", "#ffffff", "#ffffff", "#000000", "#45494e", "#6d7277", "#7720a6", "#01593c", "#775003", "#7b011c"},
		Dark:  palette{"#76c7fe", "#000000", "#bbcfde", "#000000", "#0d0d0d", "#ffffff", "#c0c4c8", "#84898e", "#e7a1f8", "#0de491", "#fad957", "#fd7a7a"},
	}},
	{ID: "high-contrast-yellow", Label: "High Contrast Yellow", IsBuiltin: true, Colors: colors{
		Light: palette{"#184082", "#ffffff", "#4d4222", "#ffffff", "#fdfce1", "#000000", "#42474b", "#6b7075", "#79258a", "#02563b", "#734d02", "#76001a"},
		Dark:  palette{"#ffe600", "#000000", "#d8d1a4", "#000000", "#0e0d08", "#ffffff", "#c0c4c8", "#84898e", "#3fe4ec", "#0de491", "#ffae63", "#fd7a7a"},
	}},
}

var defaultTheme = builtinThemes[0]
