const OTHERS = '\\u007f-\\u009f\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069'

/** C0, DEL and C1, line separators, and the characters that change the direction of text (Unicode TR 9). */
export const HARMFUL = new RegExp(`[\\u0000-\\u001f${OTHERS}]`, 'u')

/** The same in a text of several lines. */
export const HARMFUL_IN_LINES = new RegExp(`[\\u0000-\\u0009\\u000b-\\u001f${OTHERS}]`, 'u')
