// The styles of the drummers of the Groove MIDI Dataset, which models are conditioned on.

/**
 * Names as in preprocess/drums/groove_conditions.py, and as people write them.
 * @type {Readonly<Record<string, string>>}
 */
export const STYLES = Object.freeze({
  afrobeat: "Afrobeat", afrocuban: "Afro-Cuban", blues: "Blues", country: "Country", dance: "Dance", funk: "Funk",
  gospel: "Gospel", highlife: "Highlife", hiphop: "Hip-hop", jazz: "Jazz", latin: "Latin",
  middleeastern: "Middle Eastern", neworleans: "New Orleans", pop: "Pop", punk: "Punk", reggae: "Reggae",
  rock: "Rock", soul: "Soul",
});
