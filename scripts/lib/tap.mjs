// Reads the TAP output of ava: counts it, and turns its lines into ones for people. (ava's own readable output cannot be counted: it
// leaves out how many tests passed when one failed.)
import { styleText } from 'node:util'
import { Tally } from './tally.mjs'

const paint = (colour, text) => (process.stdout.isTTY && !process.env.NO_COLOR ? styleText(colour, text) : text)

export class TapReader extends Tally {
  /** Titles of the failed tests. */
  failures = []

  /** Takes a line and returns what to show for it. */
  read(line) {
    const test = /^(not )?ok \d+ - (.*?)( # (?:SKIP|TODO))?$/.exec(line)
    if (test) return this.#test(test[2], test[1] === undefined, test[3])
    return /^($|TAP version|1\.\.|# (tests|pass|skip|fail) )/.test(line) ? null : line
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
