import { GOOD, Reason, worse } from '../base/flags.ts'
import type { Quality, Verdict } from '../base/reading.ts'

/** A verdict that is not final yet. One object is reused for all readings, so that a good reading allocates nothing. */
export class VerdictDraft implements Verdict {
  quality: Quality = 1
  reasons = 0

  begin(quality: Quality, reasons: number): void {
    this.quality = quality
    this.reasons = reasons
  }

  /** Adds reasons and keeps the worse flag; a verdict never improves. */
  lower(quality: Quality, reasons: number): void {
    this.quality = worse(this.quality, quality)
    this.reasons |= reasons
  }

  /** A reading without a value is missing, whatever its other flags are: the roll-up would rank 9 below good. */
  missing(): void {
    this.quality = 9
    this.reasons |= Reason.MISSING
  }

  has(reasons: number): boolean {
    return (this.reasons & reasons) !== 0
  }

  verdict(): Verdict {
    if (this.quality === 1 && this.reasons === 0) return GOOD
    return { quality: this.quality, reasons: this.reasons >>> 0 }
  }
}
