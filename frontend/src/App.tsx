import { Link, NavLink, Route, Routes } from "react-router";
import { useLive, useSite } from "./api/useLive";
import { Clock } from "./components/Clock";
import { ErrorBoundary } from "./components/ErrorBoundary";
import { Sources } from "./components/Sources";
import { ThemeSwitch } from "./components/ThemeSwitch";
import { pages } from "./pages";

export function App() {
  const site = useSite();
  const { data } = useLive();
  const first = pages[0]?.component;
  return (
    <>
      <header className="top">
        <button type="button" className="skip" onClick={() => document.getElementById("main")?.focus()}>
          To the content
        </button>
        <Brand />
        {data?.snapshot.cluster && <span className="cluster">{data.snapshot.cluster}</span>}
        {pages.length > 1 && (
          <nav aria-label="Capabilities">
            {pages.map((page) => (
              <NavLink key={page.name} to={`/${page.name}`}>
                {page.title}
              </NavLink>
            ))}
          </nav>
        )}
        <span className="fill" />
        {data && <Clock snapshot={data.snapshot} />}
        {data && <Sources snapshot={data.snapshot} problems={data.problems} />}
        <ThemeSwitch />
      </header>
      <main id="main" tabIndex={-1}>
        <ErrorBoundary part={site.pageTitle} version={data}>
          <Routes>
            {first && <Route path="/" Component={first} />}
            {pages.map((page) => (
              <Route key={page.name} path={`/${page.name}`} Component={page.component} />
            ))}
            <Route path="*" element={<Nowhere />} />
          </Routes>
        </ErrorBoundary>
      </main>
    </>
  );
}

function Brand() {
  const { homepage, pageTitle, logo } = useSite();
  const content = (
    <>
      <img src={logo || "./icon.svg"} alt="" height="22" />
      <h1>{pageTitle}</h1>
    </>
  );
  return homepage ? (
    <a className="brand" href={homepage}>
      {content}
    </a>
  ) : (
    <Link className="brand" to="/">
      {content}
    </Link>
  );
}

function Nowhere() {
  return (
    <div className="state">
      <h2>There is no such page</h2>
      <p>
        <Link to="/">Show the cluster</Link>
      </p>
    </div>
  );
}
