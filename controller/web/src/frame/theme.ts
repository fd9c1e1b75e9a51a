// Light, dark, or as the system says. The choice is this browser's.
export type Theme = "system" | "light" | "dark";

const key = "convirt-theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

export function chosenTheme(): Theme {
  const stored = localStorage.getItem(key);
  return stored === "light" || stored === "dark" ? stored : "system";
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(key, theme);
  applyTheme();
}

export function applyTheme(): void {
  const theme = chosenTheme();
  const isDark = theme === "dark" || (theme === "system" && dark.matches);
  document.documentElement.classList.toggle("pf-v6-theme-dark", isDark);
}

dark.addEventListener("change", applyTheme);
