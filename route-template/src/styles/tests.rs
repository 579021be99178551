use super::*;

/// An app with these files.
fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Project) {
    let dir = tempfile::tempdir().unwrap();
    let manifest = ("Cargo.toml", "[package]\nname = \"styles\"\n");
    for (path, text) in files.iter().chain([&manifest]) {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let project = Project::open(dir.path()).unwrap();
    (dir, project)
}

fn run(files: &[(&str, &str)], style: Style) -> CompiledStyles {
    let (_dir, project) = project(files);
    compile_styles(&project, style, Browsers::default())
}

fn compiled(files: &[(&str, &str)], style: Style) -> Stylesheet {
    run(files, style).sheet.unwrap_or_else(|error| panic!("{error}")).unwrap()
}

fn compressed(file: &str, text: &str) -> String {
    compiled(&[(file, text)], Style::Compressed).css
}

fn mistake(file: &str, text: &str) -> String {
    run(&[(file, text)], Style::Compressed).sheet.unwrap_err().to_string()
}

#[test]
fn sass_is_compiled_with_its_partials() {
    let files = [
        ("styles/_colours.scss", "$ink: #123456;\n@mixin soft { opacity: .5; }\n"),
        ("styles/parts/_card.scss", "@use '../colours';\n.card { color: colours.$ink; }\n"),
        (
            "styles/main.scss",
            "@use 'colours' as c;\n@use 'parts/card';\n$gap: 4px;\n.a { .b { margin: $gap * 2; \
             @include c.soft; } &:hover { color: c.$ink; } }\n",
        ),
    ];
    assert_eq!(
        compiled(&files, Style::Compressed).css,
        ".card{color:#123456}.a .b{margin:8px;opacity:.5}.a:hover{color:#123456}\n",
    );
    assert!(compiled(&files, Style::Expanded).css.contains("\n  margin: 8px;\n"));
}

#[test]
fn every_ending_is_compiled_and_two_for_one_name_are_a_mistake() {
    for (file, text) in [
        ("styles/main.css", "a { b { top: 0 } }"),
        ("styles/main.scss", "a { b { top: 0 } }"),
        ("styles/main.sass", "a\n  b\n    top: 0\n"),
    ] {
        let css = compressed(file, text);
        assert!(css.contains("b{top:0}"), "{file}: {css}");
    }
    let files = [("styles/main.scss", "a { top: 0 }"), ("styles/main.css", "a { top: 0 }")];
    assert_eq!(
        run(&files, Style::Compressed).sheet.unwrap_err().to_string(),
        "styles/main.css and styles/main.scss are one stylesheet written twice: remove or rename \
         one of them"
    );
}

#[test]
fn files_are_joined_in_the_order_of_their_names() {
    let sheet = compiled(
        &[
            (
                "styles/b.css",
                "@layer x, y;\n@import url(\"https://a.test/x;y.css\") layer(x) screen;\n\
                 @namespace svg url(http://www.w3.org/2000/svg);\n.b { color: red }\n",
            ),
            ("styles/a.scss", "@layer z;\n.a { content: \"ü\" }\n"),
            ("styles/_c.scss", ".c { color: red }\n"),
            ("styles/deep/d.scss", ".d { color: red }\n"),
            ("styles/notes.md", "# Notes\n"),
        ],
        Style::Compressed,
    );
    assert_eq!(
        sheet.css,
        "@layer x,y;@import \"https://a.test/x;y.css\" layer(x) screen;\n\
         @namespace svg \"http://www.w3.org/2000/svg\";\n@layer z;.a{content:\"ü\"}\n\
         .b{color:red}\n"
    );
    assert!(Stylesheet::is_file_name(&sheet.file_name()));
}

#[test]
fn equal_styles_have_equal_names() {
    let name = |text| compiled(&[("styles/a.scss", text)], Style::Compressed).file_name();
    assert_eq!(name("a { top: 0 }"), name("a{top:0}\n"));
    assert_ne!(name("a { top: 0 }"), name("a { top: 1px }"));
}

#[test]
fn styles_in_src_count_and_no_styles_are_none() {
    assert!(!compiled(&[("src/styles/a.css", "a{top:0}")], Style::Expanded).css.is_empty());
    for files in [&[][..], &[("styles/_partial.scss", "a { top: 0 }")]] {
        assert_eq!(run(files, Style::Expanded).sheet.unwrap(), None);
    }
}

#[test]
fn inputs_are_all_files_that_were_read() {
    let files = [
        ("theme/_colors.scss", "$ink: red;\n"),
        ("node_modules/x/_y.scss", "a { top: 0 }\n"),
        ("styles/a.css", "a { top: 0 }\n"),
        ("styles/_unused.scss", ""),
        ("styles/b.scss", "@use '../theme/colors';\n@use '../node_modules/x/y';\n"),
        ("styles/c.scss", "@use '../theme/colors';\na { top: $missing }\n"),
    ];
    for (files, last) in [(&files[..5], None), (&files[..], Some("styles/c.scss"))] {
        let (_dir, project) = project(files);
        let compiled = compile_styles(&project, Style::Expanded, Browsers::default());
        assert_eq!(compiled.sheet.is_err(), last.is_some());
        let mut expected =
            vec!["node_modules/x/_y.scss", "styles/a.css", "styles/b.scss", "theme/_colors.scss"];
        expected.extend(last);
        expected.sort_unstable();
        let expected = expected.iter().map(|file| project.dir().join(file));
        assert_eq!(compiled.inputs, expected.collect());
    }
}

#[test]
fn an_input_behind_a_link_has_a_path_that_leads_to_it() {
    let (dir, project) = project(&[
        ("site/_theme.scss", "$ink: teal;\n"),
        ("site/sheets/a.scss", "@use '../theme';\na { color: theme.$ink }\n"),
        ("_theme.scss", "$ink: red;\n"),
    ]);
    std::os::unix::fs::symlink(dir.path().join("site/sheets"), dir.path().join("styles")).unwrap();
    let project = Project::open(project.dir()).unwrap();
    let compiled = compile_styles(&project, Style::Compressed, Browsers::default());
    assert_eq!(compiled.sheet.unwrap().unwrap().css, "a{color:teal}\n");
    let read: Vec<_> = compiled.inputs.iter().map(|it| it.canonicalize().unwrap()).collect();
    let expected = ["site/_theme.scss", "site/sheets/a.scss"].map(|it| project.dir().join(it));
    assert_eq!(read, expected);
}

#[test]
fn css_is_sent_as_it_was_written() {
    for (text, expected) in [
        (
            "a { color: red; color: oklch(62% .2 250); height: 9vh; height: 9dvh }",
            "a{color:red;color:oklch(62% .2 250);height:9vh;height:9dvh}",
        ),
        (
            ".card { &:hover { top: 0 } @media (width > 40rem) { top: 1px } }",
            ".card{&:hover{top:0}@media (width>40rem){top:1px}}",
        ),
        ("a { width: calc(infinity * 1px) }", "a{width:3.40282e38px}"),
        (
            "a { height: attr(data-h type(<length>), 0px) }",
            "a{height:attr(data-h type(<length>), 0px)}",
        ),
        (
            "a { color: if(style(--x: 1): red; else: blue) }",
            "a{color:if(style(--x: 1): red; else: blue)}",
        ),
        (
            "@supports (color: rgb(from red r g b)) { a { top: 0 } }",
            "@supports (color:rgb(from red r g b)){a{top:0}}",
        ),
        ("@scope (.x) to (.y) { img { border: 0 } }", "@scope(.x) to (.y){img{border:0}}"),
        (
            "@function --double(--v) { result: calc(var(--v) * 2) }",
            "@function --double(--v){result: calc(var(--v) * 2)}",
        ),
        ("@view-transition { navigation: auto }", "@view-transition{navigation:auto}"),
        ("/*! keep */\n/* drop */\na { top: 0 }", "/*! keep */\na{top:0}"),
    ] {
        assert_eq!(compressed("styles/a.css", text).trim_end(), expected);
    }
}

#[test]
fn css_is_written_for_the_browsers_that_are_named() {
    let browsers = toml::from_str("safari = 15\nchrome = 100\n").unwrap();
    let files = [
        ("styles/a.css", ".a { .b { color: red } }\n"),
        ("styles/b.scss", ".c { .d { user-select: none; inset: 0 } }\n"),
    ];
    let (_dir, project) = project(&files);
    let sheet = compile_styles(&project, Style::Compressed, browsers).sheet.unwrap().unwrap();
    assert_eq!(
        sheet.css,
        ".a .b{color:red}\n.c .d{-webkit-user-select:none;user-select:none;inset:0}\n"
    );
}

#[test]
fn a_mistake_is_shown_at_its_place() {
    let files = [
        ("styles/_inner.scss", "a {\n  top: $missing;\n}\n"),
        ("styles/main.scss", "@use 'inner';\n"),
    ];
    let error = run(&files, Style::Expanded).sheet.unwrap_err();
    insta::assert_snapshot!(error, @"
    Error: Undefined variable.
      ╷
    2 │   top: $missing;
      │        ^^^^^^^^
      ╵
    ./styles/_inner.scss:2:8
    ");
    let StyleError::Mistake { place: Some(place), .. } = error else { panic!("{error:?}") };
    assert_eq!(place.to_string(), "styles/_inner.scss:2:8");

    let files = [("styles/main.css", "a { top: 0 }\nb {\n  ü: 1; color red;\n}\n")];
    let error = run(&files, Style::Expanded).sheet.unwrap_err();
    insta::assert_snapshot!(error, @"
    Error: unexpected `red`
      ╷
    3 │   ü: 1; color red;
      │               ^
      ╵
    styles/main.css:3:15
    ");
    let StyleError::Mistake { place: Some(place), .. } = error else { panic!("{error:?}") };
    assert_eq!(place.to_string(), "styles/main.css:3:15");
}

#[test]
fn mistakes_in_css_say_what_to_look_for() {
    for (text, message, end) in [
        ("a { top: 0;\n\n", "is not closed", "a.css:1:1"),
        ("a { top: 0 }\n@media print {\n  b { top: 0 }\n", "is not closed", "a.css:2:1"),
        ("a { top: 0 }\n/* b { top: 0 }\n", "is not closed", "a.css:1:1"),
        ("a { top: 0 } }\n", "unexpected `}`", "a.css:1:14"),
        ("a { top: 0; // one\n}\nb { top: 0 }\n", "", "help: a comment in CSS is `/* … */`"),
        ("$x: 3;\na { top: $x }\n", "", "end with `.scss` or `.sass`"),
        ("a { background: url(x y) }", "unexpected `url`", "a.css:1:17"),
    ] {
        let error = mistake("styles/a.css", text);
        assert!(error.contains(message) && error.trim_end().ends_with(end), "{text}\n{error}");
    }
    // Sass passes on what it does not know; its CSS has other places than its source.
    let error = mistake("styles/a.scss", "a { b: c }\n\n@layer #x { d { top: 0 } }");
    insta::assert_snapshot!(error, @"
    Error: unexpected `#`
      ╷
    5 │ @layer #x {
      │        ^
      ╵
    styles/a.scss, in the CSS that Sass made of it:5:8
    ");
}

#[test]
fn what_sass_cannot_do_has_a_way_out() {
    for text in [
        "a { color: rgb(from red r g b / 50%) }",
        "@supports (color: rgb(from red r g b)) { a { top: 0 } }",
        "a { width: calc(infinity * 1px) }",
        "a { width: round(up, 10.5px, 1px) }",
        "a { height: attr(data-h type(<length>), 0px) }",
        "a { color: if(style(--x: 1): red; else: blue) }",
        "a { width: calc-size(auto, size * 2) }",
        "@function --double(--v) { result: calc(var(--v) * 2) }",
    ] {
        let error = mistake("styles/a.scss", text);
        let place = error.find("./styles/a.scss:1:").unwrap_or_else(|| panic!("{error}"));
        assert!(error[place..].contains("help: grass, the Sass compiler"), "{error}");
        compressed("styles/a.css", text);
    }
    let error =
        mistake("styles/a.scss", "@use 'sass:color';\na { color: color.channel(red, 'red') }");
    assert!(error.contains("use the `.css` file that its package ships"), "{error}");
    assert!(!mistake("styles/a.scss", "a { top: $x }").contains("help:"));
    // The way out is one.
    let css = compressed("styles/a.scss", "a { color: #{\"rgb(from var(--c) r g b)\"} }");
    assert_eq!(css, "a{color:rgb(from var(--c) r g b)}\n");
}

#[test]
fn other_failures_name_the_file() {
    for (text, expected) in
        [("@use 'nothing';\n", "styles/main.scss:1:"), ("a { top: 0;\n", "styles/main.scss:1:12")]
    {
        let error = mistake("styles/main.scss", text);
        assert!(error.contains(expected), "{error}");
    }
    for file in ["styles/main.scss", "styles/main.css"] {
        let (dir, project) = project(&[(file, "")]);
        std::fs::write(dir.path().join(file), b"a { top: \xff }").unwrap();
        let sheet = compile_styles(&project, Style::Expanded, Browsers::default()).sheet;
        assert_eq!(sheet.unwrap_err().to_string(), format!("{file} is not UTF-8"));
    }
}

#[test]
fn warnings_are_kept() {
    let sheet = compiled(
        &[
            ("styles/a.css", "@import \"tailwindcss\";\na { top: 0 }\n"),
            ("styles/main.scss", "@warn 'old';\n@debug 1 + 1;\na { top: 0 }\n"),
        ],
        Style::Compressed,
    );
    let [import, warn, debug] = &sheet.warnings[..] else { panic!("{:?}", sheet.warnings) };
    assert!(import.starts_with("styles/a.css:1: `tailwindcss` is not served"), "{import}");
    assert_eq!([warn, debug], ["styles/main.scss:1: \"old\"", "styles/main.scss:2: 2"]);
}

/// What people build on, as their packages ship it: `tests/frameworks/README.md`.
#[test]
fn frameworks_are_compiled() {
    let npm = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm");
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}; run .ci/npm", path.display()))
    };
    let text = |name: &str, path: &str| (name.to_owned(), read(&npm.join(path)));
    let bootstrap = npm.join("node_modules/bootstrap/scss");
    let scss = walkdir::WalkDir::new(&bootstrap).sort_by_file_name().into_iter();
    let scss = scss.map(|entry| entry.unwrap_or_else(|error| panic!("{error}; run .ci/npm")));
    let scss = scss.filter(|entry| entry.path().extension().is_some_and(|it| it == "scss"));
    let scss = scss.map(|entry| {
        let path = entry.path().strip_prefix(&bootstrap).unwrap();
        (format!("bootstrap/scss/{}", path.display()), read(entry.path()))
    });
    let scss = scss.filter(|(path, _)| !path.contains("/tests/"));
    let entry = "@import '../bootstrap/scss/bootstrap';\n.mine { @extend .btn; }\n".to_owned();
    for (name, files, holds) in [
        ("Tailwind", vec![text("tailwind.css", "tailwind.out.css")], ".hover\\:bg-brand\\/50"),
        (
            "Tailwind, minified",
            vec![text("tailwind.css", "tailwind.min.css")],
            ".hover\\:bg-brand\\/50",
        ),
        (
            "Pico",
            vec![text("pico.css", "node_modules/@picocss/pico/css/pico.css")],
            "@-moz-document",
        ),
        ("Bulma", vec![text("bulma.css", "node_modules/bulma/css/bulma.css")], ".navbar"),
        (
            "Bootstrap",
            vec![text("bootstrap.css", "node_modules/bootstrap/dist/css/bootstrap.css")],
            ".btn",
        ),
        (
            "Bootstrap, Sass",
            scss.chain([("styles/main.scss".to_owned(), entry)]).collect(),
            ".mine",
        ),
    ] {
        let files: Vec<_> = files
            .into_iter()
            .map(|(path, text)| {
                (if path.contains('/') { path } else { format!("styles/{path}") }, text)
            })
            .collect();
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let CompiledStyles { sheet, inputs } = run(&files, Style::Compressed);
        let sheet = sheet.unwrap_or_else(|error| panic!("{name}: {error}")).unwrap();
        assert!(sheet.css.contains(holds), "{name}");
        assert_eq!(sheet.warnings, [""; 0], "{name}");
        assert!(inputs.len() >= files.len() / 2, "{name}: {inputs:?}");
        // It is CSS that is read again; the large ones take too long for that.
        if sheet.css.len() < 1 << 17 {
            compiled(&[("styles/again.css", &sheet.css)], Style::Compressed);
        }
    }
}
