/** A message with more readings is refused as a whole, so that one publish cannot delay the commit of the others. */
export const READINGS_PER_MESSAGE_MAX = 10_000
/** A longer text (in UTF-8) or byte value is not understood: it is a document, not a reading. */
export const VALUE_BYTES_MAX = 4_096
/** A longer unit is not understood; UCUM and SenML units are much shorter. */
export const UNIT_CHARS_MAX = 64
/** Nested objects and arrays make names of dotted parts; the part of a message that is nested deeper is not understood. */
export const NESTING_MAX = 12
/** CBOR that is nested deeper than this is refused before it fills the stack. */
export const CBOR_DEPTH_MAX = 64
/** CBOR with more data items than READINGS_PER_MESSAGE_MAX readings can need is refused while it is read. */
export const CBOR_ITEMS_MAX = 200_000
/** A longer reason is cut off: reasons may quote the payload and are stored with it. */
export const REASON_CHARS_MAX = 400
/** Fields that are not understood are listed up to this number in each message; all are counted. */
export const PARTIALS_LISTED_MAX = 32
/** An array of at most this many scalars inside an object holds channels; a longer one holds samples of one series. */
export const CHANNELS_MAX = 16
