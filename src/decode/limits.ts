/** A message with more readings is refused as a whole, so that one publish cannot delay the commit of the others. */
export const READINGS_PER_MESSAGE_MAX = 10_000
/** A longer text (in UTF-8) or byte value is refused: it is a document, not a reading. */
export const VALUE_BYTES_MAX = 4_096
/** A longer unit is refused; UCUM and SenML units are much shorter. */
export const UNIT_CHARS_MAX = 64
/** Nested objects make names of dotted parts; a message with a deeper nesting is refused. */
export const NESTING_MAX = 4
/** CBOR that is nested deeper than any accepted payload is refused before it fills the stack. */
export const CBOR_DEPTH_MAX = 16
/** CBOR with more data items than READINGS_PER_MESSAGE_MAX readings can need is refused while it is read. */
export const CBOR_ITEMS_MAX = 200_000
/** A longer reason is cut off: reasons may quote the payload and are stored with it. */
export const REASON_CHARS_MAX = 400
