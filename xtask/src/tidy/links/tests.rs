use super::{Tree, check};

#[test]
fn links_lead_somewhere() {
    let check = |path: &str, text: &str, expected: &[&str]| {
        let tree = Tree::of(&[("README.md", ""), ("docs/guides/first.md", ""), (path, text)]);
        let found: Vec<String> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{path}: {text}");
    };
    check("a.md", "[here](README.md) and [there](docs/guides/first.md#start)", &[]);
    check("a.md", "[folder](docs/guides/) [same](#part) [web](https://upstream.example/x)", &[]);
    check("docs/b.md", "[up](../README.md) [down](guides/first.md) [root](/README.md)", &[]);
    check("a.md", "fine\n[gone](docs/second.md)", &["a.md:2: `docs/second.md` leads nowhere"]);
    check("a.md", "[out](../README.md)", &["a.md:1: `../README.md` leads nowhere"]);
    check("a.md", "[name]: gone.md", &["a.md:1: `gone.md` leads nowhere"]);
    check("a.md", "![picture](picture.png \"title\")", &["a.md:1: `picture.png` leads nowhere"]);
    check("a.md", "```\n[gone](gone.md)\n```\n", &[]);
}
