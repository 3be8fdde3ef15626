/** A message with more is refused whole, so that one publish cannot stall the commit of the others. */
export const READINGS_PER_MESSAGE_MAX = 10_000
/** A text (in UTF-8) or bytes value that is longer is refused: it is a document, not a reading. */
export const VALUE_BYTES_MAX = 4_096
/** A longer unit is refused; UCUM and SenML units are far shorter. */
export const UNIT_CHARS_MAX = 64
/** Names of at most so many dotted parts come out of nested objects; a deeper one refuses the message. */
export const NESTING_MAX = 4
/** CBOR nested deeper than any accepted payload is refused before it costs stack. */
export const CBOR_DEPTH_MAX = 16
/** CBOR of more data items than READINGS_PER_MESSAGE_MAX readings can need is refused half-way. */
export const CBOR_ITEMS_MAX = 200_000
/** The end of a reason is cut off: reasons may quote the payload and are stored with it. */
export const REASON_CHARS_MAX = 400
