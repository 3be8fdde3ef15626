/** Whether this is `npm run test:large`. */
export const isLarge = process.env.TEST_SIZE === 'large'

/** A count of a test: `usual` in `npm test`, `large` in `npm run test:large`. */
export function sized(usual: number, large: number): number {
  return isLarge ? large : usual
}
