// Light, dark, or as the system says. The choice is this browser's.
import { keptChoice } from "../parts/kept";

const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];
export const themeTitles: Readonly<Record<Theme, string>> = { system: "As the system", light: "Light", dark: "Dark" };

const dark = window.matchMedia("(prefers-color-scheme: dark)");
export const theme = keptChoice<Theme>("convirt-theme", themes);

export function chooseTheme(chosen: Theme): void {
  theme.set(chosen);
  applyTheme();
}

export function applyTheme(): void {
  const chosen = theme.get();
  const isDark = chosen === "dark" || (chosen === "system" && dark.matches);
  document.documentElement.classList.toggle("pf-v6-theme-dark", isDark);
}

dark.addEventListener("change", applyTheme);
