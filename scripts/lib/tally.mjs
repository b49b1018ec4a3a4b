// Counts of test runners, and the one line that sums them up.
export class Tally {
  passed = 0
  failed = 0
  skipped = 0

  add({ passed, failed, skipped }) {
    this.passed += passed
    this.failed += failed
    this.skipped += skipped
  }

  /** A runner that broke off counts as one failed test, for its own count cannot be trusted to show it. */
  break(reason) {
    console.error(`\n${reason}`)
    this.failed += 1
  }

  /** Prints the sum, to be the last line of a program, and sets its exit code. */
  conclude() {
    console.log(`\n${this.passed} passed, ${this.failed} failed${this.skipped > 0 ? `, ${this.skipped} skipped` : ''}`)
    process.exitCode = this.failed > 0 ? 1 : 0
  }
}
