// What a page holds: links, anchors, pictures, the luminance of its ground, and texts with a contrast below 3 to 1.
() => {
    const channel = value => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
    const numbers = colour => colour.match(/[\d.]+/g).map(Number);
    const painted = colour => colour.length < 4 || colour[3] > 0.5;
    const ground = element => {
        for (let one = element; one; one = one.parentElement) {
            const colour = numbers(getComputedStyle(one).backgroundColor);
            if (painted(colour)) return luminance(colour);
        }
        return 1;
    };
    const contrast = element => {
        const both = [luminance(numbers(getComputedStyle(element).color)), ground(element)].sort((a, b) => b - a);
        return (both[0] + 0.05) / (both[1] + 0.05);
    };
    const written = element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const visible = element => element.checkVisibility();
    const all = selector => [...document.querySelectorAll(selector)];
    return {
        links: all("a[href]").map(link => link.href),
        ids: all("[id]").map(element => element.id),
        pictures: all("img").map(picture => ({ alt: picture.alt, wide: picture.naturalWidth })),
        ground: ground(document.body),
        faint: all("body *").filter(element => written(element) && visible(element) && contrast(element) < 3)
            .map(element => `${element.className}: ${element.innerText}`.slice(0, 60)).slice(0, 5),
    };
};
