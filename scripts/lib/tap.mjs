// Reads the TAP output of ava: counts it, and turns its lines into ones for people. (ava's own readable output cannot be counted: it
// leaves out how many tests passed when one failed.)
import { styleText } from 'node:util'
import { Tally } from './tally.mjs'

const paint = (colour, text) => (process.stdout.isTTY && !process.env.NO_COLOR ? styleText(colour, text) : text)

export class TapReader extends Tally {
  /** Titles of the failed tests. */
  failures = []
  /** Whether the runner came to its end, where it tells how many tests there were. */
  complete = false

  /** Takes a line and returns what to show for it. */
  read(line) {
    const test = /^(not )?ok \d+(?: - (.*?))?( # (?:SKIP|TODO).*)?$/.exec(line)
    if (test) return this.#test(test[2]?.replaceAll('\\#', '#') ?? '', test[1] === undefined, test[3])
    const plan = /^1\.\.(\d+)$/.exec(line)
    if (plan) this.complete = Number(plan[1]) === this.passed + this.failed + this.skipped
    return plan || /^(TAP version|# (tests|pass|skip|fail) )/.test(line) ? null : line
  }

  #test(title, passed, directive) {
    if (directive) {
      this.skipped += 1
      return paint('yellow', `  - ${title}${directive}`)
    }
    if (passed) {
      this.passed += 1
      return `  ${paint('green', '✔')} ${title}`
    }
    this.failed += 1
    this.failures.push(title)
    return paint('red', `  ✘ ${title}`)
  }
}
