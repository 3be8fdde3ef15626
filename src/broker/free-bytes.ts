/** To free fewer bytes takes more CPU time than to leave them to the garbage collector. */
const BYTES_MIN = 1_024

/**
 * Frees the memory of bytes that are not used any more; they have the length 0 then. The garbage collector takes its time:
 * it counts memory outside of its heap only roughly, and lets 64 MB of it and more pile up. A part of a larger piece of
 * memory is left alone, since the other parts may be in use.
 */
export function freeBytes(bytes: Buffer): void {
  const { buffer } = bytes
  if (bytes.length >= BYTES_MIN && bytes.length === buffer.byteLength) (buffer as ArrayBuffer).transfer(0)
}
