import type { CertificateView, SettingsView, SettingView } from "@convirt/contract/settings";
import { useQuery } from "@tanstack/react-query";
import { call } from "../api/client";
import { Facts } from "../parts/Facts";
import { Skeletons } from "../parts/Skeletons";
import { Status } from "../parts/Status";
import { Thing } from "../parts/Thing";
import { Ago, coarse, Moment } from "../parts/Time";

const certificateWords: Readonly<Record<CertificateView["kind"], string>> = {
  authority: "Authority",
  https: "HTTPS, for hosts",
  web: "HTTPS, for people",
};
/** A look is due when it ends within this. */
const soonMs = 30 * 86_400_000;

export function useSettings() {
  return useQuery({ queryKey: ["settings"], queryFn: ({ signal }) => call("GET /settings", { signal }) });
}

export function ControllerSettings() {
  const settings = useSettings();
  const methods = useQuery({
    queryKey: ["sign-in"],
    queryFn: ({ signal }) => call("GET /session/methods", { signal }),
  });
  return (
    <Thing query={settings} act="Cannot show the settings" skeleton={<Skeletons lines={10} />}>
      {(view) => (
        <>
          <div className="cv-columns">
            <Facts
              title="Controller"
              facts={[
                ["Version", view.version],
                ["Runs since", <Ago key="since" at={view.startedAt} />],
                ["Settings file", view.file === null ? "none was there" : <code key="file">{view.file}</code>],
                [
                  "Sign-in",
                  methods.data?.provider == null
                    ? "by name and password"
                    : `by name and password, or by ${methods.data.provider}`,
                ],
              ]}
            />
            <Facts title="Certificates are good" facts={view.certificates.map(certificateFact)} />
          </div>
          <SettingsTable view={view} />
        </>
      )}
    </Thing>
  );
}

function certificateFact(one: CertificateView) {
  const { kind, notAfter, fault, fingerprint } = one;
  if (notAfter === null)
    return [certificateWords[kind], <Status key={kind} tone="bad">{`cannot be read: ${fault}`}</Status>] as const;
  const leftMs = Date.parse(notAfter) - Date.now();
  const until = (
    <span title={`SHA-256 ${fingerprint}`}>
      until <Moment at={notAfter} />
    </span>
  );
  if (leftMs <= 0)
    return [
      certificateWords[kind],
      <Status key={kind} tone="bad">
        ended
      </Status>,
    ] as const;
  return [
    certificateWords[kind],
    leftMs > soonMs ? (
      until
    ) : (
      <Status key={kind} tone="look">
        {until}, {coarse(leftMs)} from now
      </Status>
    ),
  ] as const;
}

/** A table for each group of the file, as it stands there. */
function SettingsTable({ view }: { view: SettingsView }) {
  const groups = new Map<string, SettingView[]>();
  for (const setting of view.settings) {
    const group = setting.key.split(".")[0] ?? "";
    groups.set(group, [...(groups.get(group) ?? []), setting]);
  }
  return (
    <section className="cv-section">
      <h2>What is set</h2>
      <p className="cv-quiet">
        To change one, set its key in {view.file === null ? "/etc/convirt/controller.toml" : <code>{view.file}</code>},
        or its variable in the environment, which is the stronger; then start the controller again. Secrets are in files
        that are named here, and are not shown.
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: where it is wider than the page it scrolls, and must by keyboard as well. */}
      <section className="cv-scroll" aria-label="All settings" tabIndex={0}>
        <table className="cv-plain-table cv-settings">
          <thead>
            <tr>
              <th scope="col">Key</th>
              <th scope="col">Value</th>
              <th scope="col">Set by</th>
              <th scope="col">What it is</th>
            </tr>
          </thead>
          {[...groups].map(([group, settings]) => (
            <tbody key={group}>
              {settings.map((setting) => (
                <tr key={setting.key}>
                  <th scope="row">
                    <code title={setting.variable}>{setting.key}</code>
                  </th>
                  <td>
                    {setting.value === "" ? (
                      <span className="cv-quiet">empty</span>
                    ) : (
                      <code>{String(setting.value)}</code>
                    )}
                  </td>
                  <td>
                    <SetBy setting={setting} />
                  </td>
                  <td className="cv-quiet">{setting.means}</td>
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      </section>
    </section>
  );
}

function SetBy({ setting: { source, variable } }: { setting: SettingView }) {
  if (source === "default") return <span className="cv-quiet">default</span>;
  return source === "file" ? "the file" : <code>{variable}</code>;
}
