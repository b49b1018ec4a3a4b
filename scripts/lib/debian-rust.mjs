// Rust for other platforms from Debian's packages: a compiler and the sources of the standard library that belongs to it, which is
// compiled with what needs it (-Zbuild-std). Ready-made standard libraries of other toolchains cannot be had everywhere.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './run.mjs'

/** Everything that is built here. */
export const folder = join(root, 'target', 'cross')

/** Installs the compiler and `more` packages. Returns why they cannot be had, undefined where they can. */
export async function installDebianRust(...more) {
  const packages = ['rustc-web', 'cargo-web', 'rust-web-src', ...more]
  if (spawnSync('dpkg', ['--status', ...packages], { stdio: 'ignore' }).status !== 0) {
    if (spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status !== 0) return 'this is no Debian'
    if (process.getuid() !== 0) return `only root can install ${packages.join(' ')}`
    const apt = (...args) =>
      run('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], { env: { DEBIAN_FRONTEND: 'noninteractive' } })
    await apt('update')
    const { ok } = await apt('install', '--yes', '--no-install-recommends', ...packages)
    if (!ok) return `${packages.join(' ')} cannot be installed`
  }
  const [, version] = /^rustc 1\.(\d+)/.exec(spawnSync('/usr/bin/rustc', ['--version'], { encoding: 'utf8' }).stdout)
  const [, oldest] = /^rust-version = "1\.(\d+)"/m.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'))
  return Number(version) < Number(oldest) ? `Debian's Rust is 1.${version}, and 1.${oldest} is needed` : undefined
}

/** Runs cargo for a target. */
export function debianCargo(command, target, options, env = {}) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'libnode.dll'), '') // napi-build asks for one on Windows, and any will do: symbols are looked up at run time
  const args = [command, '--locked', '-Zbuild-std=std,panic_unwind,test', '--target', target, ...options]
  return run('/usr/bin/cargo', args, {
    env: {
      CARGO_PROFILE_DEV_DEBUG: '0', // for the time it takes
      CARGO_TARGET_DIR: folder,
      LIBNODE_PATH: folder,
      RUSTC: '/usr/bin/rustc',
      RUSTC_BOOTSTRAP: '1', // -Zbuild-std is for nightly compilers
      ...env,
    },
  })
}
